//! Upgrades through the front door: payments in flight live on in a newer schema, a start that is killed halfway is
//! finished by the next one, and an older release refuses a newer database untouched.

mod all_the_way;
mod in_flight;
mod newer;
mod older;
