//! The hard cases: what must stay true when money and networks meet, one number each.
//!
//! Every test is named `hc_NN_…` after its case, and its doc begins with the case in plain words. What the
//! product does not do yet of a case stands there as well, so that the list of cases is the truth about it.

mod at_stripe;

mod lives;

mod capture_and_cancel;

mod refunds;

mod disputes;

mod money;

mod routing;

mod retired_connectors;

mod operations;

mod merchants_endpoints;

mod privacy;
