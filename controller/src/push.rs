//! The bundle on a host: compared, put in place, verified. Only this module makes a [`Verified`], and only that can run.

use batt_protocol::wire::{Hello, HomeState, MAX_CHUNK, PlannedService, Reply, Request};
use batt_protocol::{BundleFile, BundleFolder, Change, FileChange, HostClass, ServiceRequest, text};

use crate::bundle::Bundle;
use crate::event::{FleetEventKind as Kind, Phase};
use crate::reporter::HostReporter;
use crate::session::{Session, out_of_place};
use crate::trouble::Trouble;

/// How many files are named in one line: with names of full length half of what a line may hold.
const FILES_A_LINE: usize = 100;

/// What is done when a host has other files than its bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PushMode {
    /// They are put in place, except where somebody changed them on the host.
    Auto,
    /// They are put in place; what somebody changed is kept aside.
    Force,
    /// The host is refused.
    Verify,
    /// Nothing; the host runs what it has.
    Never,
}

/// A host that greeted. What its scripts are is not known.
pub(crate) struct Unverified {
    session: Session,
    hello: Hello,
}

/// A host whose files are those of its bundle, or of which nobody wants that.
pub(crate) struct Verified {
    session: Session,
}

/// The host, or our own policy, said no. The conversation could go on.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) Trouble);

type Answer<T> = Result<Result<T, Refused>, Trouble>;

impl Verified {
    /// Returns the conversation; it may give the order to run.
    pub(crate) fn into_session(self) -> Session {
        self.session
    }
}

impl Unverified {
    pub(crate) fn new(session: Session, hello: Hello) -> Self {
        Self { session, hello }
    }

    /// Tells whether the agent's home is not laid out, so that the host has no id yet.
    pub(crate) fn has_no_home(&self) -> bool {
        self.hello.home == HomeState::Empty
    }

    /// Makes sure that the host has its bundle. Nothing is sent when its greeting says so already.
    ///
    /// # Errors
    /// A conversation that broke. The inner error is an answer: a conflict, a lock, a policy.
    pub(crate) async fn verify(
        mut self,
        bundle: Option<&Bundle>,
        mode: PushMode,
        reporter: &mut HostReporter,
    ) -> Answer<Verified> {
        let empty = Bundle::empty();
        // The first push lays a home out, also one that has nothing to bring.
        let lays_out = self.has_no_home() && matches!(mode, PushMode::Auto | PushMode::Force);
        let wanted = bundle.filter(|_| mode != PushMode::Never);
        let Some(bundle) = wanted.or_else(|| lays_out.then_some(&empty)) else {
            return Ok(Ok(Verified {
                session: self.session,
            }));
        };
        let changes = match self.compare(bundle, reporter).await? {
            Ok(changes) => changes,
            Err(refused) => return Ok(Err(refused)),
        };
        if self.hello.bundle == bundle.digest() && !lays_out {
            return Ok(Ok(Verified {
                session: self.session,
            }));
        }
        if let Some(trouble) = objection(&changes, mode) {
            return Ok(Err(Refused(trouble)));
        }
        self.commit(bundle, &changes, mode, reporter).await
    }

    /// Asks what a push would change, and tells it.
    ///
    /// # Errors
    /// As [`Unverified::verify`].
    pub(crate) async fn compare(
        &mut self,
        bundle: &Bundle,
        reporter: &mut HostReporter,
    ) -> Answer<Vec<FileChange>> {
        let mut changes = Vec::new();
        if self.hello.bundle != bundle.digest() {
            reporter.emit(Kind::PhaseEntered { phase: Phase::Push }).await?;
            let files: Vec<BundleFile> = bundle.files().iter().map(|(file, _)| file.clone()).collect();
            for files in files.chunks(FILES_A_LINE) {
                self.session
                    .send(&Request::Offer {
                        files: files.to_vec(),
                    })
                    .await?;
            }
            self.session.send(&Request::Compare).await?;
            loop {
                match self.session.answer().await? {
                    // A part that holds nothing and promises more could be followed by another for ever.
                    Ok(Reply::Compared {
                        changes: some,
                        more: true,
                    }) if some.is_empty() => {
                        return Err(Trouble::protocol("the host promises changes and names none"));
                    }
                    Ok(Reply::Compared { changes: some, more }) => {
                        changes.extend(some);
                        // What the host has pushed, and what it is offered: each at most a bundle.
                        if changes.len() > 2 * BundleFile::MAX_FILES {
                            return Err(Trouble::protocol("the host names more changes than files can be"));
                        }
                        if !more {
                            break;
                        }
                    }
                    Ok(_) => return Err(out_of_place("compared")),
                    Err(refusal) => return Ok(Err(Refused(Trouble::refused(&refusal)))),
                }
            }
        }
        reporter
            .emit(Kind::Compared {
                changes: changes.clone(),
            })
            .await?;
        Ok(Ok(changes))
    }

    /// Asks what a push and then a run would do, and tells it. A service whose script comes with the push is not known
    /// to the host, and is not asked for.
    ///
    /// # Errors
    /// As [`Unverified::verify`].
    pub(crate) async fn look_ahead(
        &mut self,
        bundle: Option<&Bundle>,
        mode: PushMode,
        services: &[ServiceRequest],
        pattern: Option<&str>,
        reporter: &mut HostReporter,
    ) -> Answer<()> {
        let changes = match bundle {
            Some(bundle) => match self.compare(bundle, reporter).await? {
                Ok(changes) => changes,
                Err(refused) => return Ok(Err(refused)),
            },
            None => Vec::new(),
        };
        if let Some(trouble) = objection(&changes, mode).filter(|_| !changes.is_empty()) {
            return Ok(Err(Refused(trouble)));
        }
        let is_brought = |request: &&ServiceRequest| {
            let script = format!("backup-{}", request.service.name());
            changes.iter().any(|change| {
                change.folder == BundleFolder::ScriptsAvailable
                    && change.change == Change::Add
                    && change.name.as_str() == script
            })
        };
        let (brought, known): (Vec<_>, Vec<_>) = services.iter().partition(is_brought);
        reporter.emit(Kind::PhaseEntered { phase: Phase::Run }).await?;
        // Only the host can expand the pattern, and has one of its own where none is given.
        let mut planned: Vec<PlannedService> = brought
            .into_iter()
            .map(|request| PlannedService {
                service: request.service.clone(),
                path: pattern.map_or_else(String::new, |pattern| format!("{pattern}/{}", request.service)),
                refusal: None,
            })
            .collect();
        // To name none would mean all that the host has enabled.
        if planned.is_empty() || !known.is_empty() {
            let services = known.into_iter().cloned().collect();
            match self.session.ask(&Request::Plan { services }).await? {
                Ok(Reply::Planned { services }) => planned.extend(services),
                Ok(_) => return Err(out_of_place("planned")),
                Err(refusal) => return Ok(Err(Refused(Trouble::refused(&refusal)))),
            }
        }
        let refused: Vec<String> = planned
            .iter()
            .filter(|planned| planned.refusal.is_some())
            .map(|planned| planned.service.to_string())
            .collect();
        let none = planned.is_empty();
        reporter.emit(Kind::Planned { services: planned }).await?;
        Ok(if none {
            Err(Refused(Trouble::new(
                HostClass::Failed,
                "no service is enabled or named",
            )))
        } else if refused.is_empty() {
            Ok(())
        } else {
            let reason = format!("{} would not run", text::list_and(&refused));
            Err(Refused(Trouble::new(HostClass::Failed, reason)))
        })
    }

    async fn commit(
        mut self,
        bundle: &Bundle,
        changes: &[FileChange],
        mode: PushMode,
        reporter: &mut HostReporter,
    ) -> Answer<Verified> {
        let (mut added, mut replaced, mut removed) = (0, 0, 0);
        for change in changes {
            let content = bundle.content(change.folder, &change.name);
            match (change.change, content) {
                (Change::Add, Some(_)) => added += 1,
                (Change::Replace | Change::Conflict, Some(_)) => replaced += 1,
                (Change::Remove | Change::Conflict, None) => removed += 1,
                (Change::Add | Change::Replace, None) | (Change::Remove, Some(_)) => {
                    return Err(Trouble::protocol(format!(
                        "the host would change `{}/{}` in a way that the bundle does not",
                        change.folder.name(),
                        change.name
                    )));
                }
            }
            let Some(content) = content else { continue };
            // An empty file is sent too: as one empty part.
            let parts = content.bytes.chunks(MAX_CHUNK);
            let empty = content.bytes.is_empty().then_some(&[][..]);
            for part in empty.into_iter().chain(parts) {
                let request = Request::File {
                    folder: change.folder,
                    name: change.name.clone(),
                    bytes: part.to_vec(),
                };
                self.session.send(&request).await?;
            }
        }
        let force = mode == PushMode::Force;
        match self.session.ask(&Request::Commit { force }).await? {
            Ok(Reply::Pushed { bundle: theirs }) if theirs == bundle.digest() => {
                reporter
                    .emit(Kind::Pushed {
                        added,
                        replaced,
                        removed,
                    })
                    .await?;
                Ok(Ok(Verified {
                    session: self.session,
                }))
            }
            Ok(Reply::Pushed { .. }) => Err(Trouble::protocol(
                "what the host has after the push is not what was sent: the digests differ",
            )),
            Ok(_) => Err(out_of_place("pushed")),
            Err(refusal) => Ok(Err(Refused(Trouble::refused(&refusal)))),
        }
    }
}

/// Returns why the changes are not made, by our own policy.
fn objection(changes: &[FileChange], mode: PushMode) -> Option<Trouble> {
    let named = |wanted: &dyn Fn(&FileChange) -> bool| {
        let names: Vec<String> = changes
            .iter()
            .filter(|change| wanted(change))
            .map(|change| format!("{}/{}", change.folder.name(), change.name))
            .collect();
        match names.len() {
            0..=3 => text::list_and(&names),
            many => format!(
                "{} and {}",
                text::quoted(&names[0]),
                text::count(many - 1, "other file")
            ),
        }
    };
    let conflicts = changes
        .iter()
        .filter(|change| change.change == Change::Conflict)
        .count();
    match mode {
        PushMode::Auto if conflicts > 0 => {
            let names = named(&|change| change.change == Change::Conflict);
            let were = if conflicts == 1 { "was" } else { "were" };
            Some(
                Trouble::new(HostClass::Policy, format!("{names} {were} changed on the host since the last push"))
                    .hint("`batt-fleet push --force` replaces what was changed, and keeps it in `var/replaced` there."),
            )
        }
        PushMode::Verify => Some(
            Trouble::new(
                HostClass::Policy,
                match changes.len() {
                    0 => "the host does not have the bundle of the fleet folder".to_owned(),
                    1 => format!("{} differs from the fleet folder", named(&|_| true)),
                    _ => format!("{} differ from the fleet folder", named(&|_| true)),
                },
            )
            .hint("`batt-fleet push` brings it there."),
        ),
        PushMode::Auto | PushMode::Force | PushMode::Never => None,
    }
}
