//! Hard cases 1 to 9: creating a payment and opening its page, when answers are lost and programs die.
