from datetime import datetime


def month(year, number):
    """The month as (start, end), both midnight."""
    start = datetime(year, number, 1)
    end = datetime(year + number // 12, number % 12 + 1, 1)
    return start, end


def within(orders, period):
    start, end = period
    return [order for order in orders if start <= order.at <= end]
