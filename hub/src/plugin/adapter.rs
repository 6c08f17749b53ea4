//! A plugin as an [`Adapter`], so that the same laws are checked on it as on any other.

use std::sync::Arc;

use processor_sdk::{
    Adapter, Answer, Ask, Call, Delivery, Descriptor, Dialogue, Fault, Flow, Notification, Question, Reply,
};

use super::sandbox::Plugin;

/// A plugin seen as an adapter. What goes wrong in the sandbox panics here, as a native adapter's mistake does.
pub struct PluginAdapter(pub Arc<Plugin>);

impl PluginAdapter {
    fn reply(&self, question: Question, dialogue: &mut Dialogue<'_>) -> Flow<Reply> {
        let ask = Ask { transcript: dialogue.transcript().to_vec(), ..Ask::new(question) };
        match self.0.run(&ask).result {
            Ok(reply) => dialogue.go_on_with(reply),
            Err(fault) => std::panic::resume_unwind(Box::new(format!("the plugin {fault}"))),
        }
    }
}

impl Adapter for PluginAdapter {
    fn descriptor(&self) -> Descriptor {
        self.0.descriptor().clone()
    }

    fn perform(&self, call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
        match self.reply(Question::Call(call.clone()), dialogue)? {
            Reply::Answer(answer) => Ok(answer),
            Reply::Step(_) | Reply::Notifications(_) | Reply::Fault(_) => {
                Err(Fault::unreadable("an answer to the call").into())
            }
        }
    }

    fn receive(&self, delivery: &Delivery, dialogue: &mut Dialogue<'_>) -> Flow<Vec<Notification>> {
        match self.reply(Question::Delivery(delivery.clone()), dialogue)? {
            Reply::Notifications(notifications) => Ok(notifications),
            Reply::Step(_) | Reply::Answer(_) | Reply::Fault(_) => {
                Err(Fault::unreadable("what the delivery means").into())
            }
        }
    }
}
