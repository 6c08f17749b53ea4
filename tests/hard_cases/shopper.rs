//! Hard cases 27 to 33: the shopper's browser, and money that comes late or twice.
