"""Grows on line 9 in each version of Python that it is run by: their line tables differ."""
KEPT = []


def grow():
    numbers = [number for number in range(3)]


    if numbers: KEPT.append(bytearray(16 << 20))
    return numbers


grow()
