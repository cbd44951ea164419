//! Options that name items of services. Scripts bring them, so they are no fixed list: a script's header tells its
//! option, and a service without one takes `--{service}-db`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use batt_protocol::{Error, Service, ServiceName, ServiceRequest, text};

/// How much of a script is looked at for its header.
const HEADER: usize = 16 << 10;
/// Options of shipped scripts that are not `--{service}-db`.
const SHIPPED: [(&str, &str, &str); 1] = [("file", "file", "PATH")];

/// The options that scripts bring, by their long name.
#[derive(Debug, Clone, Default)]
pub(crate) struct ItemOptions(BTreeMap<String, ItemOption>);

#[derive(Debug, Clone)]
struct ItemOption {
    /// Whose it is: one, unless two scripts claim it.
    services: Vec<Service>,
    value: String,
    help: String,
}

/// Items of services, in the order in which they were given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Items(Vec<(Service, String)>);

impl ItemOptions {
    /// Returns the options of the shipped scripts and of these, which are given by name and content.
    pub(crate) fn of<'a>(scripts: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        let mut options = Self::default();
        let mut own = Vec::new();
        for (name, content) in scripts {
            let Some(service) = name
                .strip_prefix("backup-")
                .and_then(|name| name.parse::<ServiceName>().ok())
            else {
                continue;
            };
            own.push(service.clone());
            if let Some((long, value, help)) = header(content) {
                options.add(&long, &service, &value, &help);
            }
        }
        for (long, service, value) in SHIPPED {
            // A script of the same name takes the place of a shipped one, and its header speaks for it.
            if let Ok(service) = service.parse::<ServiceName>()
                && !own.contains(&service)
            {
                options.add(long, &service, value, "file or folder to back up");
            }
        }
        options
    }

    fn add(&mut self, long: &str, service: &ServiceName, value: &str, help: &str) {
        let option = self.0.entry(long.to_owned()).or_insert_with(|| ItemOption {
            services: Vec::new(),
            value: value.to_owned(),
            help: help.to_owned(),
        });
        option.services.push(Service::from(service.clone()));
    }

    /// Returns the paragraph about items for the help of `run`.
    pub(crate) fn help(&self) -> String {
        let mut lines = vec![
            "Items (each may be repeated, and implies its service):".to_owned(),
            format!(
                "      {:<24} database of any service: --mysql-db, --postgresql-db, ...",
                "--SERVICE-db NAME"
            ),
        ];
        for (long, option) in &self.0 {
            let written = format!("--{long} {}", option.value);
            lines.push(
                format!("      {written:<24} {}", text::escaped(&option.help))
                    .trim_end()
                    .to_owned(),
            );
        }
        lines.join("\n")
    }

    /// Returns the service that an option is of; none when it is no option for items.
    fn service(&self, long: &str) -> Option<Result<Service, Error>> {
        match self.0.get(long).map(|option| &option.services[..]) {
            Some([service]) => Some(Ok(service.clone())),
            Some(services) => {
                let scripts: Vec<String> = services
                    .iter()
                    .map(|service| format!("backup-{service}"))
                    .collect();
                Some(Err(Error::usage(format!(
                    "`--{long}` is claimed by {}",
                    text::list_and(&scripts)
                ))
                .hint("Change the header of one of them.")))
            }
            None => long.strip_suffix("-db")?.parse().ok().map(Ok),
        }
    }
}

impl Items {
    /// Tells whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the items to these services; a service that is not among them is added.
    pub(crate) fn join(&self, services: Vec<Service>) -> Vec<ServiceRequest> {
        let mut requests: Vec<ServiceRequest> = Vec::new();
        let items = self
            .0
            .iter()
            .map(|(service, item)| (service.clone(), Some(item.clone())));
        for (service, item) in services.into_iter().map(|service| (service, None)).chain(items) {
            match requests.iter_mut().find(|request| request.service == service) {
                Some(request) => request.items.extend(item),
                None => requests.push(ServiceRequest {
                    service,
                    items: item.into_iter().collect(),
                }),
            }
        }
        requests
    }
}

/// Finds the inventories that a command line names, before it is read: the scripts beside them bring options.
pub(crate) fn inventories(
    arguments: &[OsString],
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Vec<PathBuf> {
    let mut named: Vec<PathBuf> = Vec::new();
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let Some(text) = word.to_str() else { continue };
        if matches!(text, "-i" | "--inventory") {
            named.extend(words.next().map(PathBuf::from));
        } else if let Some(path) = text.strip_prefix("--inventory=") {
            named.push(path.into());
        } else if let Some(path) = text.strip_prefix("-i").filter(|_| !text.starts_with("--")) {
            named.push(path.strip_prefix('=').unwrap_or(path).into());
        } else if text == "--" {
            break;
        }
    }
    if named.is_empty() {
        named.extend(variable("BATT_FLEET_INVENTORY").map(PathBuf::from));
    }
    named
}

/// Takes the options for items out of a command line. `own` are the long names that are batt-fleet's.
///
/// # Errors
/// An option without its value, a value that is empty or no UTF-8, an option that two scripts or a script and we claim.
pub(super) fn extract(
    arguments: Vec<OsString>,
    options: &ItemOptions,
    own: &[String],
) -> Result<(Vec<OsString>, Items), Error> {
    if let Some((long, option)) = options.0.iter().find(|(long, _)| own.contains(long)) {
        let scripts: Vec<String> = option
            .services
            .iter()
            .map(|service| format!("backup-{service}"))
            .collect();
        return Err(Error::usage(format!(
            "{} claims `--{long}`, which is batt-fleet's own",
            text::list_and(&scripts)
        ))
        .hint("Give the option in the script's header another name."));
    }
    let mut rest = Vec::with_capacity(arguments.len());
    let mut items = Items::default();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        if argument == "--" {
            rest.push(argument);
            break;
        }
        let written = argument.to_str().and_then(|word| word.strip_prefix("--"));
        let Some(written) = written else {
            rest.push(argument);
            continue;
        };
        let (long, value) = match written.split_once('=') {
            Some((long, value)) => (long, Some(OsString::from(value))),
            None => (written, None),
        };
        let service = match options.service(long) {
            Some(service) if !own.iter().any(|own| own == long) => service?,
            _ => {
                rest.push(argument);
                continue;
            }
        };
        let value = value
            .or_else(|| arguments.next())
            .and_then(|value| value.into_string().ok());
        match value {
            Some(value) if !value.is_empty() => items.0.push((service, value)),
            _ => {
                return Err(Error::usage(format!("`--{long}` needs a value that is text"))
                    .hint(format!("Write `--{long} NAME` for each item of `{service}`.")));
            }
        }
    }
    rest.extend(arguments);
    Ok((rest, items))
}

/// Reads the option from the comments at a script's beginning: its long name, its value's name, its help.
fn header(content: &[u8]) -> Option<(String, String, String)> {
    let beginning = String::from_utf8_lossy(&content[..content.len().min(HEADER)]);
    let line = beginning.lines().find_map(|line| {
        let comment = line.trim_start().strip_prefix('#')?.trim_start();
        comment.strip_prefix("batt:")?.trim_start().strip_prefix("option")
    })?;
    let mut words = line.split_whitespace();
    let long = words.next()?.strip_prefix("--")?;
    let good = !long.is_empty()
        && long.starts_with(|c: char| c.is_ascii_lowercase())
        && long
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    let value = words.next()?;
    let help: Vec<&str> = words.collect();
    good.then(|| (long.to_owned(), value.to_owned(), help.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> ItemOptions {
        ItemOptions::of([
            (
                "backup-app",
                &b"#!/bin/sh\n# batt: summary  App\n# batt: option   --tenant NAME  tenant to back up\n"[..],
            ),
            ("backup-one", b"# batt: option --shared X"),
            ("backup-two", b"# batt: option --shared X"),
            ("restore-app", b"# batt: option --never X"),
        ])
    }

    fn extract_from(words: &[&str]) -> Result<(Vec<String>, Vec<ServiceRequest>), Error> {
        let arguments = words.iter().map(OsString::from).collect();
        let own = ["limit".to_owned(), "help".to_owned()];
        let (rest, items) = extract(arguments, &options(), &own)?;
        let rest = rest.into_iter().map(|word| word.into_string().unwrap()).collect();
        Ok((rest, items.join(vec!["mysql".parse().unwrap()])))
    }

    #[test]
    fn items_are_taken_out_and_imply_their_service() {
        let (rest, requests) = extract_from(&[
            "batt-fleet",
            "run",
            "--mysql-db",
            "a",
            "x",
            "--mysql-db=b=c",
            "--file",
            "/etc",
            "--tenant",
            "t",
            "--limit",
            "db1",
            "--redis@6380-db",
            "0",
        ])
        .unwrap();
        assert_eq!(rest, ["batt-fleet", "run", "x", "--limit", "db1"]);
        let told: Vec<String> = requests
            .iter()
            .map(|request| format!("{} {:?}", request.service, request.items))
            .collect();
        assert_eq!(
            told,
            [
                r#"mysql ["a", "b=c"]"#,
                r#"file ["/etc"]"#,
                r#"app ["t"]"#,
                r#"redis@6380 ["0"]"#
            ]
        );
    }

    #[test]
    fn an_item_is_whatever_was_written() {
        for item in ["a;b", "$(x)", "../x", "a\nb", "-x", "--limit"] {
            let (_, requests) = extract_from(&["p", "run", "--mysql-db", item]).unwrap();
            assert_eq!(requests[0].items, [item]);
        }
    }

    #[test]
    fn inventories_are_found_before_the_command_line_is_read() {
        let found = |words: &[&str]| {
            let arguments: Vec<OsString> = words.iter().map(OsString::from).collect();
            let variable = |name: &str| (name == "BATT_FLEET_INVENTORY").then(|| OsString::from("v"));
            inventories(&arguments, &variable)
        };
        assert_eq!(
            found(&[
                "p",
                "run",
                "-i",
                "a",
                "-ib",
                "-i=c",
                "--inventory",
                "d",
                "--inventory=e",
                "--",
                "-i",
                "f"
            ]),
            ["a", "b", "c", "d", "e"].map(PathBuf::from)
        );
        assert_eq!(found(&["p", "run"]), [PathBuf::from("v")]);
    }

    #[test]
    fn what_follows_two_dashes_is_no_option() {
        let (rest, requests) = extract_from(&["p", "run", "--", "--mysql-db", "a"]).unwrap();
        assert_eq!(rest, ["p", "run", "--", "--mysql-db", "a"]);
        assert!(requests[0].items.is_empty());
    }

    #[test]
    fn a_value_must_be_there() {
        for words in [&["p", "run", "--mysql-db"][..], &["p", "run", "--file="]] {
            let error = extract_from(words).unwrap_err();
            assert!(error.message().contains("needs a value"), "{error}");
        }
    }

    #[test]
    fn an_option_that_two_scripts_claim_is_only_wrong_when_it_is_used() {
        let error = extract_from(&["p", "run", "--shared", "x"]).unwrap_err();
        assert!(
            error.message().contains("`backup-one` and `backup-two`"),
            "{error}"
        );
        assert!(extract_from(&["p", "run"]).is_ok());
    }

    #[test]
    fn an_option_of_ours_is_not_a_scripts() {
        let options = ItemOptions::of([("backup-x", &b"# batt: option --limit N"[..])]);
        let error = extract(Vec::new(), &options, &["limit".to_owned()]).unwrap_err();
        assert!(error.message().contains("`backup-x` claims `--limit`"), "{error}");
    }

    #[test]
    fn help_shows_what_scripts_bring() {
        let help = options().help();
        assert!(help.contains("--tenant NAME"), "{help}");
        assert!(help.contains("tenant to back up"), "{help}");
        assert!(help.contains("--file PATH"), "{help}");
        assert!(!help.contains("--never"), "{help}");
    }
}
