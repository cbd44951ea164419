//! Logs in with public keys, one after another (RFC 4252), and says which were tried when none was taken.

use std::sync::Arc;

use russh::client::{AuthResult, Handle, Handler};
use russh::keys::ssh_key::public::KeyData;
use russh::keys::{Algorithm, HashAlg, PrivateKeyWithHashAlg};
use russh::{MethodKind, MethodSet};

use super::host_key::shown;
use super::identity::{Candidates, Identities, Identity};
use super::key_agent::SignFailure;
use super::{ConnectFailure, FailureClass};

/// sshd's default `MaxAuthTries`: it hangs up at the sixth key that it does not know.
const MOST_ATTEMPTS: usize = 6;

/// Tries the candidates until one is taken. `farewell` tells what the server said when it hung up, if it said anything.
///
/// # Errors
///
/// Class `authentication` when no key is taken, `lost` when the line goes down meanwhile.
pub(crate) async fn authenticate<H: Handler>(
    handle: &mut Handle<H>,
    user: &str,
    candidates: &Candidates,
    identities: &Identities,
    farewell: impl Fn() -> Result<Option<String>, String>,
) -> Result<(), ConnectFailure> {
    let mut attempts = Attempts {
        candidates,
        tried: Vec::new(),
        notes: Vec::new(),
        accepts: None,
    };
    if candidates.identities.is_empty() {
        return Err(attempts.failure(format!("there is no key to log in with as `{user}`")));
    }
    for identity in candidates.identities.iter().take(MOST_ATTEMPTS) {
        let outcome = attempt(handle, user, identity, identities).await;
        attempts.tried.push(describe(identity));
        match outcome {
            Ok(AuthResult::Success) => return Ok(()),
            // The key was not even used: the agent would not sign. The next one may do.
            Err(Some(why)) => attempts.notes.push(why),
            Ok(AuthResult::Failure {
                partial_success: true,
                remaining_methods,
            }) => {
                let further = methods(&remaining_methods);
                let reason = format!("the server took a key of `{user}` but asks for more: {further}");
                return Err(attempts.failure(reason));
            }
            Ok(AuthResult::Failure {
                remaining_methods, ..
            }) if !remaining_methods.is_empty() => {
                let public_key = remaining_methods.contains(&MethodKind::PublicKey);
                attempts.accepts = Some(methods(&remaining_methods));
                if !public_key {
                    break;
                }
            }
            Ok(AuthResult::Failure { .. }) | Err(None) => {
                return Err(match farewell() {
                    Ok(Some(said)) => {
                        attempts.failure(format!("the server refused `{user}` and said: {said}"))
                    }
                    Ok(None) => attempts.failure(format!("the server refused `{user}`")),
                    Err(lost) => ConnectFailure::new(
                        FailureClass::Lost,
                        format!("{lost} while logging in as `{user}`"),
                    ),
                });
            }
        }
    }
    Err(attempts.failure(format!("the server refused `{user}`")))
}

/// Makes one attempt. Fails with a sentence when nothing could be signed, without one when the line is down.
async fn attempt<H: Handler>(
    handle: &mut Handle<H>,
    user: &str,
    identity: &Identity,
    identities: &Identities,
) -> Result<AuthResult, Option<String>> {
    match (identity, identities.agent()) {
        (Identity::File { key, .. }, _) => {
            let hash = hash_for(identity.key());
            let key = PrivateKeyWithHashAlg::new(Arc::clone(key), hash);
            handle.authenticate_publickey(user, key).await.map_err(|_| None)
        }
        (Identity::Agent { key }, Some(agent)) => {
            let binding = handle.agent_session_binding().cloned();
            let mut signer = agent.signer(binding.as_ref());
            let hash = hash_for(key.key_data());
            match handle
                .authenticate_publickey_with(user, key.clone(), hash, &mut signer)
                .await
            {
                Ok(result) => Ok(result),
                Err(SignFailure::Agent(why)) => Err(Some(format!(
                    "ssh-agent did not sign by {}: {why}",
                    describe(identity)
                ))),
                Err(SignFailure::ConnectionGone) => Err(None),
            }
        }
        (Identity::Agent { .. }, None) => Err(Some("there is no ssh-agent".to_string())),
    }
}

/// RSA keys sign with SHA-512, which every OpenSSH since 7.2 verifies; without a hash it would be SHA-1.
fn hash_for(key: &KeyData) -> Option<HashAlg> {
    matches!(key.algorithm(), Algorithm::Rsa { .. }).then_some(HashAlg::Sha512)
}

/// What has been tried on one host, for the message at the end.
struct Attempts<'a> {
    candidates: &'a Candidates,
    tried: Vec<String>,
    notes: Vec<String>,
    /// The methods that the server named when it refused.
    accepts: Option<String>,
}

impl Attempts<'_> {
    fn failure(mut self, what: String) -> ConnectFailure {
        let mut reason = what;
        if !self.tried.is_empty() {
            reason.push_str(&format!("; tried {}", self.tried.join(", ")));
        }
        if let Some(accepts) = &self.accepts {
            reason.push_str(&format!("; it accepts {accepts}"));
        }
        let left = self.candidates.identities.len().saturating_sub(MOST_ATTEMPTS);
        if left > 0 {
            self.notes.push(format!(
                "{left} more keys were not tried: set `identity` for this host"
            ));
        }
        self.notes.extend(self.candidates.notes.iter().cloned());
        let failure = ConnectFailure::new(FailureClass::Authentication, reason);
        match self.notes.is_empty() {
            false => failure.with_hint(self.notes.join("; ")),
            true if self.tried.is_empty() => {
                failure.with_hint("set `identity` in the inventory, or start ssh-agent and `ssh-add` a key")
            }
            true => failure.with_hint("add one of these keys to the user's authorized_keys on the host"),
        }
    }
}

fn describe(identity: &Identity) -> String {
    match identity {
        Identity::File { path, .. } => format!("`{}` ({})", path.display(), shown(identity.key())),
        Identity::Agent { .. } => format!("{} from ssh-agent", shown(identity.key())),
    }
}

fn methods(set: &MethodSet) -> String {
    match set.is_empty() {
        true => "nothing".to_string(),
        false => set.iter().map(<&str>::from).collect::<Vec<_>>().join(", "),
    }
}
