//! The house rules that a machine can keep: layers, seams, shapes, words, dependencies, documents.
//!
//! Each test reads the source tree and names every place that breaks its rule. A place that may break it
//! stands in that rule's table with the reason; an entry that is not needed any more fails too, so that the
//! tables never say more than is true.

mod source;

mod layers;

mod dependencies;

mod shape;

mod words;

mod documents;

mod planted;
