//! One session: a request is answered, one run is followed.

use std::time::{Duration, Instant};

use batt_protocol::wire::{LineError, MAX_CHUNK, Refusal, Reply, Request, RunStatus};
use batt_protocol::{Error, ExitCode, FileChange, RunId, Service, ServiceRequest};
use chrono::Local;

use super::bounds::Bounds;
use super::channel::{Channel, Incoming};
use super::following::{Following, Sent};
use super::refusals::Refusals;
use crate::bundle::Push;
use crate::home::Home;
use crate::host;
use crate::log::{LogReader, Mask};
use crate::pattern::Pattern;
use crate::run::{self, Plan};
use crate::run_folder::{Admission, Order, RunFolder, place_for_order};

/// How often a followed run is looked at when nothing wakes us: that a supervisor died writes nothing.
const TICK: Duration = Duration::from_secs(1);
/// The same where the kernel cannot wake us.
const SHORT_TICK: Duration = Duration::from_millis(100);
/// As many changes as fit a line.
const CHANGES_A_LINE: usize = 200;
/// As many runs as `status` tells.
const RUNS_OF_STATUS: usize = 100;

/// What a session knows.
pub(super) struct Session<'a> {
    home: &'a Home,
    path: Option<Pattern>,
    push: Push<'a>,
    following: Option<Following>,
    bounds: Bounds,
    refusals: Refusals<'a>,
}

/// Whether the session goes on.
enum Next {
    Goes,
    Ends,
}

impl<'a> Session<'a> {
    pub(super) fn new(home: &'a Home, path: Option<Pattern>) -> Self {
        Self {
            home,
            path,
            push: Push::new(home),
            following: None,
            bounds: Bounds::new(Instant::now()),
            refusals: Refusals::new(home),
        }
    }

    /// Answers requests until the controller hangs up.
    pub(super) fn run(&mut self, channel: &mut Channel) -> Result<(), Error> {
        loop {
            let incoming = match &self.following {
                None => match self.bounds.patience(Instant::now()) {
                    Ok(patience) => channel.wait(None, Some(patience)),
                    Err(silence) => {
                        let _ = self.refuse(channel, &silence);
                        return Ok(());
                    }
                },
                Some(following) => {
                    let tick = if following.changes().is_some() {
                        TICK
                    } else {
                        SHORT_TICK
                    };
                    channel.wait(following.changes(), Some(tick))
                }
            };
            match incoming.map_err(|cause| Error::system("cannot read from the controller", cause))? {
                Incoming::End => return Ok(()),
                Incoming::Bytes(bytes) => {
                    if let Err(flood) = self.bounds.take_bytes(bytes) {
                        let _ = self.refuse(channel, &flood);
                        return Ok(());
                    }
                    if let Next::Ends = self.answer_lines(channel)? {
                        return Ok(());
                    }
                }
                Incoming::Nothing => {}
            }
            if let Some(following) = &mut self.following {
                let sent = following.send_new(channel)?;
                self.bounds.hear(Instant::now());
                match sent {
                    Sent::SoFar => {}
                    Sent::AllOfIt => self.following = None,
                    Sent::HungUp => return Ok(()),
                }
            }
        }
    }

    fn answer_lines(&mut self, channel: &mut Channel) -> Result<Next, Error> {
        loop {
            let line = match channel.next_line() {
                Ok(None) => return Ok(Next::Goes),
                Ok(Some(line)) => line,
                // After a line without end nothing that follows can be trusted.
                Err(error) => {
                    let _ = self.refuse(channel, &Error::refused(error.to_string()));
                    return Ok(Next::Ends);
                }
            };
            let answers = match serde_json::from_slice::<Request>(&line) {
                Ok(request) => {
                    std::thread::sleep(self.bounds.pause(&request, Instant::now()));
                    self.bounds.hear(Instant::now());
                    self.answer(request, channel)
                }
                Err(cause) => Err(Error::refused(
                    LineError::Malformed(cause.to_string()).to_string(),
                )),
            };
            let next = match answers {
                Ok(answers) => answers
                    .iter()
                    .try_for_each(|answer| channel.send(answer))
                    .map(|()| Next::Goes),
                Err(error) => self.refuse(channel, &error),
            };
            match next {
                Ok(Next::Goes) => {}
                Ok(Next::Ends) | Err(_) => return Ok(Next::Ends),
            }
        }
    }

    /// Refuses a request, and writes that down. After too many the session ends.
    fn refuse(&mut self, channel: &mut Channel, error: &Error) -> std::io::Result<Next> {
        let mut refusal = refusal_of(error);
        self.refusals.note(&refusal);
        let is_last = self.bounds.is_last_refusal();
        if is_last {
            let hint = "Too much was refused: the session ends.";
            refusal.hints.push(hint.to_owned());
        }
        channel.send(&Reply::Refused(refusal))?;
        Ok(if is_last { Next::Ends } else { Next::Goes })
    }

    fn answer(&mut self, request: Request, channel: &mut Channel) -> Result<Vec<Reply>, Error> {
        match request {
            Request::Offer { files } => self.push.offer(files).map(|()| Vec::new()),
            Request::Compare => Ok(compared(&self.push.compare()?)),
            Request::File { folder, name, bytes } => {
                self.push.receive(folder, &name, &bytes).map(|()| Vec::new())
            }
            Request::Commit { force } => self
                .push
                .commit(force)
                .map(|bundle| vec![Reply::Pushed { bundle }]),
            Request::Run {
                run,
                services,
                controller,
            } => self.start(run, services, controller),
            Request::Plan { services } => self.plan(services),
            Request::Follow { run, after, logs } => {
                let folder = RunFolder::of(self.home, &run);
                folder.order()?;
                self.following = Some(Following::start(folder, after, logs));
                Ok(Vec::new())
            }
            Request::Cancel { run } => {
                let folder = RunFolder::of(self.home, &run);
                folder.order()?;
                folder.request_cancel()?;
                Ok(vec![Reply::Cancelling { run }])
            }
            Request::Status => self.status(),
            Request::Logs { run, service, offset } => self.logs(&run, &service, offset, channel),
            Request::Unknown => {
                Err(Error::refused("unknown verb").hint("The controller is newer than this batt."))
            }
        }
    }

    fn order(&self, run: RunId, services: Vec<ServiceRequest>, controller: Option<String>) -> Order {
        Order {
            run,
            services,
            path: self.path.as_ref().map(|path| path.as_str().to_owned()),
            wait_seconds: 0,
            asked_by: host::asked_by(controller),
        }
    }

    /// Starts a run at most once: a run id that the host knows is attached to.
    fn start(
        &self,
        run: RunId,
        services: Vec<ServiceRequest>,
        controller: String,
    ) -> Result<Vec<Reply>, Error> {
        let controller: String = controller.chars().take(200).collect();
        let order = self.order(run.clone(), services, Some(controller));
        if RunFolder::of(self.home, &run).exists() {
            return Ok(vec![Reply::Accepted { run, attached: true }]);
        }
        // What cannot be meant leaves no trace.
        Plan::make(self.home, &order, Local::now().fixed_offset())?;
        // What an interrupted run left is healed by whoever runs next; a failure to heal must not stop this one.
        let _ = run::recover(self.home);
        let _place = place_for_order(self.home)?;
        let (folder, attached) = match RunFolder::admit(self.home, &order)? {
            Admission::New(folder) => (folder, false),
            Admission::Known(folder) => (folder, true),
        };
        if !attached {
            run::start_supervisor(self.home, &folder).inspect_err(|_| folder.remove_if_never_started())?;
        }
        Ok(vec![Reply::Accepted { run, attached }])
    }

    fn plan(&self, services: Vec<ServiceRequest>) -> Result<Vec<Reply>, Error> {
        let now = Local::now().fixed_offset();
        let id = RunId::new(now.to_utc(), [0; 3]);
        let plan = Plan::make(self.home, &self.order(id, services, None), now)?;
        Ok(vec![Reply::Planned {
            services: run::look_ahead(self.home, &plan),
        }])
    }

    fn status(&self) -> Result<Vec<Reply>, Error> {
        let folders = RunFolder::all(self.home)?;
        let runs = folders.iter().take(RUNS_OF_STATUS).map(|folder| {
            Ok(RunStatus {
                summary: folder.summary()?,
                state: folder.state()?.0,
            })
        });
        Ok(vec![Reply::Status {
            runs: runs.collect::<Result<_, Error>>()?,
        }])
    }

    fn logs(
        &self,
        run: &RunId,
        service: &Service,
        mut offset: u64,
        channel: &mut Channel,
    ) -> Result<Vec<Reply>, Error> {
        let folder = RunFolder::of(self.home, run);
        folder.order()?;
        let log = LogReader::new(&folder.log(service));
        while let Some((from, bytes)) = log.read(offset, MAX_CHUNK)? {
            offset = from + bytes.len() as u64;
            let part = Reply::Log {
                run: run.clone(),
                service: service.clone(),
                offset: from,
                bytes,
            };
            if channel.send(&part).is_err() {
                break;
            }
        }
        Ok(vec![Reply::LogsEnded {
            run: run.clone(),
            service: service.clone(),
        }])
    }
}

fn compared(changes: &[FileChange]) -> Vec<Reply> {
    if changes.is_empty() {
        return vec![Reply::Compared {
            changes: Vec::new(),
            more: false,
        }];
    }
    let lines = changes.chunks(CHANGES_A_LINE);
    let last = lines.len() - 1;
    lines
        .enumerate()
        .map(|(index, part)| Reply::Compared {
            changes: part.to_vec(),
            more: index < last,
        })
        .collect()
}

fn refusal_of(error: &Error) -> Refusal {
    // A message may quote what came in, and a line of the settings that a person gave a password in.
    let shown = |text: &str| Mask::new(Vec::new()).whole(text);
    // A line has its limit.
    let cut = |text: &str| shown(text).chars().take(4_000).collect::<String>();
    let exit = if error.exit().is_ok() {
        ExitCode::PROGRAM
    } else {
        error.exit()
    };
    Refusal {
        exit,
        message: cut(error.message()),
        hints: error.hints().iter().take(5).map(|hint| cut(hint)).collect(),
    }
}
