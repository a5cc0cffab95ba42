"""winddown: the customer-data side of closing a company in China."""

__version__ = "0.1.0"
