//! Hard cases 10 to 26: what processors deliver, and what others pretend that they deliver.
