from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Order:
    id: int
    at: datetime
    cents: int
