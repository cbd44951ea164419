//! Which of Ansible's variables become settings, which are just variables, and which nobody here honours.

use crate::settings::{Become, Settings, TextKey, Unfit};
use crate::source::{Place, Placed, Problem};
use crate::text::quoted;
use crate::value::Value;

use crate::plain::parse_port;

/// A variable as a line gives it.
pub(crate) struct Variable<'a> {
    pub(crate) key: &'a str,
    pub(crate) value: Value,
    pub(crate) place: Place,
}

/// What a variable of Ansible means here.
enum Meaning {
    Text(TextKey),
    Port,
    Become,
    BecomeMethod,
    BecomeUser,
    Connection,
    /// It says how to connect or to get to root, in a way that is not honoured.
    Foreign,
    /// A variable like any other.
    Plain,
}

fn meaning(key: &str) -> Meaning {
    match key {
        "ansible_host" | "ansible_ssh_host" => Meaning::Text(TextKey::Address),
        "ansible_user" | "ansible_ssh_user" => Meaning::Text(TextKey::User),
        "ansible_ssh_private_key_file" | "ansible_private_key_file" => Meaning::Text(TextKey::Identity),
        "ansible_port" | "ansible_ssh_port" => Meaning::Port,
        "ansible_become" => Meaning::Become,
        "ansible_become_method" => Meaning::BecomeMethod,
        "ansible_become_user" => Meaning::BecomeUser,
        "ansible_connection" => Meaning::Connection,
        // These concern Ansible's modules on the host, not the way to it.
        "ansible_remote_tmp"
        | "ansible_pipelining"
        | "ansible_ssh_pipelining"
        | "ansible_async_dir"
        | "ansible_shell_allow_world_readable_temp" => Meaning::Plain,
        _ if key.starts_with("ansible_") && key.ends_with("_interpreter") => Meaning::Plain,
        _ if key.starts_with("ansible_") => Meaning::Foreign,
        _ => Meaning::Plain,
    }
}

/// Takes a variable in, as a setting or as a variable.
pub(crate) fn set(settings: &mut Settings, variable: &Variable<'_>) -> Result<(), Problem> {
    let Variable { key, value, place } = variable;
    let problem =
        |unfit: Unfit| Problem::new(*place, format!("{}: {}", quoted(key), unfit.message), unfit.hint);
    if !is_key(key) {
        let hint = "the name of a variable is made of letters, digits and `_`, and begins with no digit";
        return Err(Problem::new(
            *place,
            format!("{} is no name of a variable", quoted(key)),
            hint,
        ));
    }
    let meaning = meaning(key);
    if !matches!(meaning, Meaning::Plain | Meaning::Foreign) && value.holds_template() {
        let message = format!(
            "{} holds a template, `{{{{`, that nobody fills in here",
            quoted(key)
        );
        return Err(Problem::new(*place, message, "write the value itself"));
    }
    let text = value.to_string();
    match meaning {
        Meaning::Text(key) => settings.set_text(key, &text, *place).map_err(problem)?,
        Meaning::Port => {
            settings.port = Some(Placed {
                value: parse_port(&text).map_err(problem)?,
                place: *place,
            })
        }
        Meaning::Become => {
            let value = if truth(&text).map_err(problem)? {
                Become::Sudo
            } else {
                Become::None
            };
            settings.become_method = Some(Placed { value, place: *place });
        }
        Meaning::BecomeMethod if matches!(text.as_str(), "sudo" | "ansible.builtin.sudo") => {}
        Meaning::BecomeUser if text == "root" => {}
        Meaning::Connection if matches!(text.as_str(), "ssh" | "smart" | "ansible.builtin.ssh") => {}
        Meaning::BecomeMethod => return Err(foreign(key, Some("only `sudo` is"), *place)),
        Meaning::BecomeUser => return Err(foreign(key, Some("only `root` is"), *place)),
        Meaning::Connection => return Err(foreign(key, Some("only `ssh` is"), *place)),
        Meaning::Foreign => return Err(foreign(key, None, *place)),
        Meaning::Plain => {
            settings.vars.insert(
                (*key).to_owned(),
                Placed {
                    value: value.clone(),
                    place: *place,
                },
            );
        }
    }
    Ok(())
}

fn is_key(key: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !key.is_empty() && key.bytes().all(good) && !key.starts_with(|c: char| c.is_ascii_digit())
}

fn truth(text: &str) -> Result<bool, Unfit> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "y" | "on" | "1" | "t" => Ok(true),
        "false" | "no" | "n" | "off" | "0" | "f" => Ok(false),
        _ => Err(Unfit::new(
            format!("{} is neither true nor false", quoted(text)),
            "write `true` or `false`",
        )),
    }
}

fn foreign(key: &str, only: Option<&str>, place: Place) -> Problem {
    let message = match only {
        Some(only) => format!("{} is not honoured with this value; {only}", quoted(key)),
        None => format!("{} is not honoured", quoted(key)),
    };
    let hint = if key.contains("pass") {
        "passwords do not belong into an inventory: use a key, or the ssh agent"
    } else {
        "remove it from this inventory, or say the same in the native form; honoured are `ansible_host`, `ansible_port`, \
         `ansible_user`, `ansible_ssh_private_key_file` and `ansible_become`"
    };
    Problem::new(place, message, hint)
}
