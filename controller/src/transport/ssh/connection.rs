//! A host that is logged in to, by russh.

use std::time::Duration;

use russh::client::{Handle, Msg};
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Disconnect, Sig};

use super::super::channel::{Received, Source};
use super::super::foreign::escaped;
use super::super::{Boxed, Channel, Connection, Ending, Lost};
use super::handler::{Farewell, HostHandler};
use super::socket::Lifeline;

/// The goodbye is one packet; a host that does not take it within this time does not get it.
const GOODBYE: Duration = Duration::from_secs(1);

/// RFC 4254 6.5: data of this type is stderr. There is no other.
const STDERR: u32 = 1;

pub(super) struct SshConnection {
    handle: Handle<HostHandler>,
    farewell: Farewell,
    lifeline: Lifeline,
}

impl SshConnection {
    pub(super) fn new(handle: Handle<HostHandler>, farewell: Farewell, lifeline: Lifeline) -> SshConnection {
        SshConnection {
            handle,
            farewell,
            lifeline,
        }
    }

    fn lost(&self, error: russh::Error) -> Lost {
        match error {
            russh::Error::ChannelOpenFailure(reason) => {
                Lost(format!("the host refused to open a channel: {reason:?}"))
            }
            _ => Lost(self.farewell.reason()),
        }
    }
}

impl Connection for SshConnection {
    fn exec<'a>(&'a mut self, command: &'a str) -> Boxed<'a, Result<Channel, Lost>> {
        Box::pin(async move {
            let channel = self
                .handle
                .channel_open_session()
                .await
                .map_err(|error| self.lost(error))?;
            channel
                .exec(true, command)
                .await
                .map_err(|error| self.lost(error))?;
            let (messages, writer) = channel.split();
            let stdin = writer.make_writer();
            let messages = Messages {
                messages,
                writer: Some(writer),
                farewell: self.farewell.clone(),
            };
            Ok(Channel::new(stdin, messages))
        })
    }

    fn close(self: Box<Self>) -> Boxed<'static, ()> {
        let SshConnection {
            mut handle, lifeline, ..
        } = *self;
        Box::pin(async move {
            // The goodbye is only queued; it has left when russh's task has ended.
            let goodbye = async {
                let _ = handle.disconnect(Disconnect::ByApplication, "", "").await;
                let _ = (&mut handle).await;
            };
            let _ = tokio::time::timeout(GOODBYE, goodbye).await;
            drop(lifeline);
        })
    }
}

struct Messages {
    messages: ChannelReadHalf,
    /// Present until the channel has ended.
    writer: Option<ChannelWriteHalf<Msg>>,
    farewell: Farewell,
}

/// A channel that is given up is closed, or its host would go on sending what nobody reads.
impl Drop for Messages {
    fn drop(&mut self) {
        if let (Some(writer), Ok(runtime)) = (self.writer.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(async move { writer.close().await });
        }
    }
}

impl Source for Messages {
    fn next(&mut self) -> Boxed<'_, Result<Received, String>> {
        Box::pin(async move {
            loop {
                return match self.messages.wait().await {
                    Some(ChannelMsg::Data { data }) => Ok(Received::Stdout(data)),
                    Some(ChannelMsg::ExtendedData { data, ext: STDERR }) => Ok(Received::Stderr(data)),
                    Some(ChannelMsg::ExitStatus { exit_status }) => {
                        Ok(Received::Status(Ending::Exited(exit_status)))
                    }
                    Some(ChannelMsg::ExitSignal { signal_name, .. }) => {
                        Ok(Received::Status(Ending::Signalled(name(&signal_name))))
                    }
                    // The answer to our request to run the command.
                    Some(ChannelMsg::Failure) => Err("the host refused to run the command".to_string()),
                    Some(ChannelMsg::Close) => {
                        self.writer = None;
                        Ok(Received::Closed)
                    }
                    Some(_) => continue,
                    None => {
                        self.writer = None;
                        Err(self.farewell.reason())
                    }
                };
            }
        })
    }
}

fn name(signal: &Sig) -> String {
    match signal {
        Sig::Custom(name) => escaped(name),
        known => format!("{known:?}"),
    }
}
