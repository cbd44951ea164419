//! Settings of batt itself: `conf/batt.toml`, as written and as meant.

mod drill;
mod gates;
mod policy;
mod retention;
mod written;

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use batt_protocol::text::quoted;
use batt_protocol::{Error, Service, parse_duration, parse_size};

use crate::files;
use crate::home::Home;
use crate::pattern::Pattern;
use crate::retention::{Floor, Rules};
use crate::scope::Scope;
use crate::trust::{self, AllowedForeign};
pub(crate) use drill::DrillSettings;
#[cfg(test)]
pub(crate) use gates::share;
pub(crate) use gates::{Gates, Share};
pub(crate) use policy::Policy;
use written::{Problem, Written, WrittenService};

const LIMIT: u64 = 1 << 20;

/// What batt.toml means. Without the file everything is as by default.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Where backups go.
    pub(crate) path: Option<Pattern>,
    /// Refuses to run when nothing is mounted at the destination.
    pub(crate) require_mount: bool,
    /// Folders below which backups may go though accounts other than root control them.
    pub(crate) allow_foreign: AllowedForeign,
    /// Bytes that must remain free.
    pub(crate) reserve: u64,
    /// Services at a time.
    pub(crate) jobs: usize,
    /// Bytes of a log that are kept.
    pub(crate) log_limit: u64,
    /// What no rule removes.
    pub(crate) floor: Floor,
    defaults: ServiceSettings,
    services: BTreeMap<Service, ServiceSettings>,
}

/// What batt.toml says of one service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ServiceSettings {
    /// Its items when none are named.
    pub(crate) items: Vec<String>,
    /// The longest that its script may run.
    pub(crate) max_duration: Option<Duration>,
    /// The longest that neither its log nor its staging folder may stand still.
    pub(crate) stall_timeout: Option<Duration>,
    /// The age that its last good backup must not exceed.
    pub(crate) max_age: Option<Duration>,
    /// How long its backups are kept; none is what is said of all.
    pub(crate) retention: Option<Rules>,
    /// What it is held to against the last good one.
    pub(crate) gates: Gates,
    /// How old the last backup that was read again may be for one that is not; none: each is read again.
    pub(crate) reread_every: Option<Duration>,
    /// How old the last reading of a backup may be that is relied on when others go.
    max_proof_age: Option<Duration>,
    /// How much its script gives way to others, as nice(1) counts.
    pub(crate) nice: Option<i32>,
    /// How many bytes a second of each of its streams are taken at most.
    pub(crate) max_rate: Option<u64>,
    /// Within which limits its restore is rehearsed.
    pub(crate) drill: DrillSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            path: None,
            require_mount: false,
            allow_foreign: AllowedForeign::default(),
            reserve: 0,
            jobs: 1,
            log_limit: 16 << 20,
            floor: Floor::default(),
            defaults: ServiceSettings::default(),
            services: BTreeMap::new(),
        }
    }
}

impl Settings {
    /// Reads the settings of a home.
    ///
    /// # Errors
    /// A file that is not trusted, and whatever in it cannot be meant: unknown keys, wrong types, values that cannot
    /// be; each with line and column.
    pub(crate) fn read(home: &Home) -> Result<Self, Error> {
        let path = home.settings();
        trust::require_trusted_file(&path)?;
        match files::read_text(&path, LIMIT)? {
            None => Ok(Self::default()),
            Some(text) => Self::parse(&path, &text),
        }
    }

    /// Returns what holds for one service: its own settings, then those of `[defaults]`.
    ///
    /// An instance has what its service has, unless it has a section of its own.
    pub(crate) fn service(&self, service: &Service) -> ServiceSettings {
        let script = Service::from(service.name().clone());
        let own = self.services.get(service).or_else(|| self.services.get(&script));
        own.map_or_else(|| self.defaults.clone(), |own| own.over(&self.defaults))
    }

    /// Returns what this host promises to have of a service: the items that it names, or everything.
    pub(crate) fn promise(&self, service: &Service) -> Scope {
        Scope::of(service, &self.service(service).items)
    }

    /// Tells whether no rule of retention is set for any service.
    pub(crate) fn has_no_retention(&self) -> bool {
        let all = self.services.values().chain(std::iter::once(&self.defaults));
        all.filter_map(|service| service.retention.as_ref())
            .all(Rules::is_empty)
    }

    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, Error> {
        let written: Written = toml::from_str(text).map_err(|error| Problem::from(error).show(path, text))?;
        Self::mean(written).map_err(|problem| problem.show(path, text))
    }

    fn mean(written: Written) -> Result<Self, Problem> {
        written.refuse_unhonoured()?;
        let mut settings = Self::default();
        if let Some(path) = written.path {
            settings.path = Some(Problem::at(&path, |text| text.parse::<Pattern>())?);
        }
        settings.require_mount = written.require_mount.unwrap_or_default();
        if let Some(folders) = written.allow_foreign {
            settings.allow_foreign = Problem::at(&folders, |folders| allowed(folders.texts()))?;
        }
        if let Some(reserve) = written.reserve {
            settings.reserve = Problem::at(&reserve, |text| parse_size(text))?;
        }
        if let Some(limit) = written.log_limit {
            settings.log_limit = Problem::at(&limit, |text| parse_size(text))?;
        }
        if let Some(jobs) = written.jobs {
            settings.jobs = Problem::at(&jobs, |number| match number {
                1..=64 => Ok(*number as usize),
                _ => Err(Error::usage("`jobs` must be from 1 to 64")),
            })?;
        }
        settings.defaults = ServiceSettings::mean(written.defaults)?;
        if let Some(of_all) = written.retention {
            if settings.defaults.retention.is_some() {
                return Problem::at(&of_all, |_| {
                    Err(Error::usage(
                        "`[retention]` and `[defaults.retention]` say the same",
                    ))
                });
            }
            let mut of_all = of_all.into_inner();
            settings.floor = retention::floor(&mut of_all)?;
            settings.defaults.retention = Some(retention::mean(of_all)?);
        }
        let drill = DrillSettings::mean(written.drill)?;
        settings.defaults.drill = settings.defaults.drill.over(&drill);
        for (name, section) in written.service {
            let service = Problem::at(&name, |text| text.parse::<Service>())?;
            settings.services.insert(service, ServiceSettings::mean(section)?);
        }
        Ok(settings)
    }
}

fn allowed(folders: &[String]) -> Result<AllowedForeign, Error> {
    let plain = |folder: &&String| {
        let part = |part| matches!(part, Component::RootDir | Component::Normal(_));
        let path = Path::new(folder);
        path.is_absolute() && path.components().all(part) && path.components().count() > 1
    };
    if let Some(folder) = folders.iter().find(|folder| !plain(folder)) {
        return Err(Error::usage(format!(
            "`allow_foreign` takes the whole path of a folder, and not {}",
            quoted(folder)
        )));
    }
    Ok(AllowedForeign::new(folders.iter().map(PathBuf::from).collect()))
}

fn rate(text: &str) -> Result<u64, Error> {
    match parse_size(text)? {
        0 => Err(Error::usage(
            "`max_rate` must be more than 0: without it there is no limit",
        )),
        rate => Ok(rate),
    }
}

impl ServiceSettings {
    /// Reading everything once a week finds rot while an earlier backup is still there, and is a seventh of the work of doing so
    /// each night.
    const MAX_PROOF_AGE: Duration = Duration::from_secs(7 * 86_400);

    /// Returns how old the last reading of a backup may be that is relied on when others go.
    pub(crate) fn max_proof_age(&self) -> Duration {
        self.max_proof_age.unwrap_or(Self::MAX_PROOF_AGE)
    }

    fn mean(written: WrittenService) -> Result<Self, Problem> {
        let duration = |value: Option<toml::Spanned<String>>| {
            value
                .map(|value| Problem::at(&value, |text| parse_duration(text)))
                .transpose()
        };
        let gates = Gates::mean(&written)?;
        let nice = written.nice.map(|value| {
            Problem::at(&value, |number| match number {
                -20..=19 => Ok(*number as i32),
                _ => Err(Error::usage("`nice` must be from -20 to 19")),
            })
        });
        Ok(Self {
            gates,
            items: written.items.unwrap_or_default(),
            max_duration: duration(written.max_duration)?,
            stall_timeout: duration(written.stall_timeout)?,
            max_age: duration(written.max_age)?,
            retention: (written.retention)
                .map(|written| retention::mean(written.into_inner()))
                .transpose()?,
            reread_every: duration(written.reread_every)?,
            max_proof_age: duration(written.max_proof_age)?,
            nice: nice.transpose()?,
            max_rate: (written.max_rate)
                .map(|value| Problem::at(&value, |text| rate(text)))
                .transpose()?,
            drill: DrillSettings::mean(written.drill)?,
        })
    }

    fn over(&self, below: &Self) -> Self {
        Self {
            items: if self.items.is_empty() {
                below.items.clone()
            } else {
                self.items.clone()
            },
            max_duration: self.max_duration.or(below.max_duration),
            stall_timeout: self.stall_timeout.or(below.stall_timeout),
            max_age: self.max_age.or(below.max_age),
            // As a whole: a rule of all that was not meant would remove what its own rules keep.
            retention: self.retention.clone().or_else(|| below.retention.clone()),
            gates: self.gates.over(&below.gates),
            reread_every: self.reread_every.or(below.reread_every),
            max_proof_age: self.max_proof_age.or(below.max_proof_age),
            nice: self.nice.or(below.nice),
            max_rate: self.max_rate.or(below.max_rate),
            drill: self.drill.over(&below.drill),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Settings, Error> {
        Settings::parse(Path::new("batt.toml"), text)
    }

    #[test]
    fn the_floor_of_retention_stands_in_one_place() {
        let settings = parse("[retention]\nfloor = { keep_last = 3, keep_within = \"14d\" }\n").unwrap();
        assert_eq!(
            (settings.floor.keep_last, settings.floor.keep_within.as_secs()),
            (3, 14 * 86_400)
        );
        // It is no rule: without one nothing goes.
        assert!(settings.has_no_retention());
        for text in [
            "[service.mysql.retention]\nfloor = { keep_last = 3 }\n",
            "[defaults.retention]\nfloor = { keep_last = 3 }\n",
            "[retention]\nfloor = { keep_daily = 3 }\n",
            "[retention]\nfloor = { keep_last = -1 }\n",
            "[retention.floor]\nkeep_within = \"x\"\n",
        ] {
            assert!(
                parse(text).unwrap_err().message().starts_with("batt.toml:2:"),
                "{text}"
            );
        }
    }

    #[test]
    fn settings_of_a_service_stand_before_those_of_all() {
        let settings = parse(
            "path = \"/srv/%Y\"\nreserve = \"1GiB\"\njobs = 2\n[defaults]\nmax_duration = \"6h\"\nnice = 5\n\
             [service.mysql]\nitems = [\"a\"]\nnice = 10\n[service.\"redis@6380\"]\nstall_timeout = 60\n",
        );
        // A bare number is no text; it is told, not guessed.
        assert!(settings.is_err());
        let settings = parse(
            "jobs = 2\n[defaults]\nmax_duration = \"6h\"\nnice = 5\n[service.mysql]\nitems = [\"a\"]\nnice = 10\n",
        )
        .unwrap();
        let mysql = settings.service(&"mysql".parse().unwrap());
        assert_eq!(
            (mysql.nice, mysql.max_duration),
            (Some(10), Some(Duration::from_secs(21_600)))
        );
        assert_eq!(settings.service(&"mysql@b".parse().unwrap()).items, ["a"]);
        assert_eq!(settings.service(&"file".parse().unwrap()).nice, Some(5));
    }

    #[test]
    fn folders_of_others_are_named_one_by_one() {
        let settings = parse("allow_foreign = \"/srv/his\"\n").unwrap();
        assert!(settings.allow_foreign.holds(Path::new("/srv/his/backup")));
        assert!(!settings.allow_foreign.holds(Path::new("/srv/hiss")));
        let settings = parse("allow_foreign = [\"/a\", \"/b/c\"]\n").unwrap();
        assert!(settings.allow_foreign.holds(Path::new("/b/c")));
        assert!(!settings.allow_foreign.holds(Path::new("/b")));
        for text in ["\"a\"", "\"/\"", "\"/a/../b\"", "[\"/a\", \"\"]", "1"] {
            parse(&format!("allow_foreign = {text}\n")).unwrap_err();
        }
    }

    #[test]
    fn an_unknown_key_is_told_with_its_place() {
        let error = parse("jobs = 1\nreserv = \"1GiB\"\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "batt.toml:2:1: unknown key `reserv`\n  |\n2 | reserv = \"1GiB\"\n  | ^^^^^^\n\
             hint: Did you mean `reserve`?"
        );
    }

    #[test]
    fn a_value_that_cannot_be_is_told_with_its_place() {
        let error = parse("path = \"/srv/%Q\"\n").unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("batt.toml:1:8: `%Q` in the path pattern"),
            "{error}"
        );
        let error = parse("[service.mysql]\nmax_shrink = \"half\"\n").unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("batt.toml:2:14: `half` is not a share"),
            "{error}"
        );
        let error = parse("[defaults]\nemptied_rows = 0\n").unwrap_err();
        assert!(
            error.to_string().starts_with("batt.toml:2:16: `emptied_rows`"),
            "{error}"
        );
        let error = parse("[service.mysql]\nmax_duration = \"soon\"\n").unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("batt.toml:2:16: `soon` is not a duration"),
            "{error}"
        );
        for rate in ["0", "fast"] {
            let error = parse(&format!("[service.mysql]\nmax_rate = \"{rate}\"\n")).unwrap_err();
            assert!(error.to_string().starts_with("batt.toml:2:12: "), "{error}");
        }
        let error = parse("jobs = \"many\"\n").unwrap_err();
        assert!(error.to_string().starts_with("batt.toml:1:8: "), "{error}");
        let error = parse("jobs = 1\njobs = \n").unwrap_err();
        assert!(error.to_string().starts_with("batt.toml:2:"), "{error}");
    }

    #[test]
    fn the_example_of_the_documentation_is_meant_as_it_stands() {
        let page = include_str!("../../../docs/settings.md");
        let example = page
            .split("```toml\n")
            .nth(1)
            .unwrap()
            .split("```")
            .next()
            .unwrap();
        let settings = parse(example).unwrap();
        assert!(settings.require_mount);
        let mysql = settings.service(&"mysql".parse().unwrap());
        assert_eq!(mysql.items, ["wordpress"]);
        assert_eq!(mysql.reread_every, Some(Duration::from_secs(7 * 86_400)));
        assert_eq!(mysql.gates.emptied_rows(), 500);
        assert_eq!((mysql.max_rate, mysql.nice), (Some(50 << 20), Some(10)));
        assert_eq!(mysql.max_duration, Some(Duration::from_secs(6 * 3_600)));
        assert_eq!(mysql.drill.max_duration(), Duration::from_secs(4 * 3_600));
        assert_eq!(mysql.drill.memory(), Some(4 << 30));
        assert_eq!(
            mysql.retention.unwrap().to_string(),
            "max_days = 90, keep_last = 3, keep_daily = 7, keep_weekly = 4"
        );
        let file = settings.service(&"file".parse().unwrap());
        assert_eq!(
            file.retention.clone().unwrap().to_string(),
            "keep_within = \"1209600s\""
        );
        assert_eq!(file.drill.max_duration(), Duration::from_secs(2 * 3_600));
        assert_eq!(file.drill.scratch(), Some(Path::new("/srv/scratch")));
    }

    #[test]
    fn a_drill_has_limits_without_settings_and_none_that_cannot_be_meant() {
        let none = DrillSettings::default();
        assert_eq!(none.max_duration(), Duration::from_secs(6 * 3_600));
        assert_eq!((none.memory(), none.scratch()), (None, None));
        for text in [
            "memory = \"0\"",
            "scratch = \"there\"",
            "max_duration = \"soon\"",
            "nice = 1",
        ] {
            parse(&format!("[drill]\n{text}\n")).unwrap_err();
        }
    }

    #[test]
    fn the_retention_of_a_service_stands_in_place_of_that_of_all() {
        let settings = parse(
            "[retention]\nkeep_last = 3\nkeep_daily = 7\nmax_days = 14\n[service.mysql.retention]\nkeep_within = \"7d\"\n\
             [service.file]\nnice = 1\n[service.redis.retention]\n",
        )
        .unwrap();
        let of = |name: &str| settings.service(&name.parse().unwrap()).retention.unwrap();
        assert_eq!(of("mysql").to_string(), "keep_within = \"604800s\"");
        assert_eq!(
            of("file").to_string(),
            "max_days = 14, keep_last = 3, keep_daily = 7"
        );
        assert_eq!(of("redis@1"), Rules::default());
        for (text, words) in [
            (
                "[retention]\nkeep_lats = 3\n",
                "batt.toml:2:1: unknown key `keep_lats`",
            ),
            (
                "[retention]\nkeep_last = -1\n",
                "batt.toml:2:13: `keep_last` must be",
            ),
            (
                "[retention]\nmax_days = 40000\n",
                "batt.toml:2:12: `max_days` must be",
            ),
            (
                "[retention]\nkeep_within = \"1w\"\n",
                "batt.toml:2:15: `1w` is not a duration",
            ),
            ("[retention]\n[defaults.retention]\n", "say the same"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.message().contains(words), "{error}");
        }
    }

    #[test]
    fn a_key_that_is_not_honoured_yet_is_never_ignored() {
        for text in [
            "[service.mysql.hooks]\nfailed = [\"x\"]\n",
            "[hooks]\nfailed = [\"x\"]\n",
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.message().contains("is not honoured yet"), "{error}");
        }
    }
}
