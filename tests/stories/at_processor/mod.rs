//! The real `payhub serve` at the twin of a real processor: one world and one set of stories for all of them.
//!
//! Four parts, and each is in one place:
//!
//! - [`counterpart`]: the trait for what differs between processors: the connector's lines in the config, its
//!   secrets, what the shopper does at the page, how refunds end.
//! - [`world`]: a hub in a process of its own, the twin in this one, a cart, a browser; and `agree`, which demands
//!   that hub, events and the twin's books say the same. It runs an adapter that is compiled in, or the same one
//!   as a plugin.
//! - [`stories`]: what must come out the same at every processor, told once.
//! - [`told!`]: makes tests of stories, for one processor, in each form in which its adapter is there.
//!
//! A new processor: write its twin in `tests/twins/NAME` from what the processor publishes, implement
//! [`counterpart::Counterpart`] for it in `tests/stories/at_NAME/world.rs`, and list in `tests/stories/at_NAME/mod.rs`
//! the stories that it can tell (one without partial refunds leaves that story out). What only this processor does is
//! a story of its own beside it, an `async fn` that takes the world, and goes into a list as well.

pub(crate) mod counterpart;

pub(crate) mod stories;

pub(crate) mod world;

/// A test for each story of a list, in a module named after the form: `native`, `plugin`, or one of each.
///
/// A story is an `async fn` in scope that takes a [`world::World`]. A macro, because a test's name has to be written
/// down where the test is, and a test that does not say which story failed in which form helps nobody.
macro_rules! told {
    ($processor:ty: $stories:tt in native and plugin) => {
        told!($processor: $stories in native);
        told!($processor: $stories in plugin);
    };
    ($processor:ty: $stories:tt in native) => {
        told!(@ native, Native, $processor, $stories);
    };
    ($processor:ty: $stories:tt in plugin) => {
        told!(@ plugin, Plugin, $processor, $stories);
    };
    (@ $module:ident, $form:ident, $processor:ty, [$($story:ident),+ $(,)?]) => {
        mod $module {
            use crate::stories::at_processor::world::{Form, World};

            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $story() {
                    super::$story(World::<$processor>::start_as(Form::$form).await).await;
                }
            )+
        }
    };
}

pub(crate) use told;
