"""Everything that is known of venues, and nothing else.

``port.py`` is what the services may ask of a venue, ``ccxt_venue.py`` asks it of ccxt, and each file named after
a venue holds a ``PROFILE``: what that venue does differently from most. A venue without a file needs none. Every
venue passes the same list of cards: tests/integration/venues/test_cards.py.
"""
