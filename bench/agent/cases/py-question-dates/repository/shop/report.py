from shop.periods import month, within


def monthly(orders, year):
    """Cents by month, from 1 to 12."""
    return {number: sum(order.cents for order in within(orders, month(year, number))) for number in range(1, 13)}
