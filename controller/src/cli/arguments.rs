//! Arguments and options, in groups that commands share. Every option has a variable `BATT_FLEET_*`.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args, Subcommand, ValueEnum};

use batt_protocol::parse_duration;

/// How output looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Human,
    /// One JSON document at the end
    Json,
    /// One JSON object a line
    Jsonl,
}

/// Whether a run brings scripts to the hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PushChoice {
    /// Bring what differs
    Auto,
    /// Refuse a host where something differs
    Verify,
    /// Run what is there
    Never,
}

/// Output.
#[derive(Debug, Args)]
pub(crate) struct OutputArguments {
    /// How output looks
    #[arg(
        long,
        value_enum,
        default_value = "human",
        env = "BATT_FLEET_FORMAT",
        hide_env = true
    )]
    pub(crate) format: Format,
}

/// Where hosts come from.
#[derive(Debug, Args)]
pub(crate) struct InventoryArguments {
    /// Inventory file, or a folder with an inventory.toml; may be repeated
    #[arg(
        short,
        long,
        value_name = "PATH",
        env = "BATT_FLEET_INVENTORY",
        hide_env = true
    )]
    pub(crate) inventory: Vec<PathBuf>,
}

/// Which hosts.
#[derive(Debug, Args)]
pub(crate) struct SelectionArguments {
    /// Where hosts come from.
    #[command(flatten)]
    pub(crate) inventory: InventoryArguments,
    /// Hosts of this group; may be repeated
    #[arg(
        short,
        long = "group",
        value_name = "GROUP",
        value_delimiter = ',',
        env = "BATT_FLEET_GROUP",
        hide_env = true
    )]
    pub(crate) groups: Vec<String>,
    /// Only hosts that match, as in `db:&prod`, `@db&@prod`, `db and prod` or `web[01-20]`
    #[arg(
        short,
        long,
        value_name = "PATTERN",
        env = "BATT_FLEET_LIMIT",
        hide_env = true
    )]
    pub(crate) limit: Vec<String>,
    /// No hosts that match
    #[arg(
        short = 'x',
        long,
        value_name = "PATTERN",
        env = "BATT_FLEET_EXCLUDE",
        hide_env = true
    )]
    pub(crate) exclude: Vec<String>,
}

/// How hosts are reached.
#[derive(Debug, Args)]
pub(crate) struct ConnectionArguments {
    /// Hosts at once
    #[arg(
        short,
        long,
        value_name = "N",
        default_value_t = 64,
        value_parser = clap::value_parser!(u32).range(1..=100_000),
        aliases = ["fanout", "parallel"],
        env = "BATT_FLEET_FORKS",
        hide_env = true
    )]
    pub(crate) forks: u32,
    /// Log in as this user
    #[arg(short, long, env = "BATT_FLEET_USER", hide_env = true)]
    pub(crate) user: Option<String>,
    /// Time for a name, a connection and a handshake, each [default: 10s]
    #[arg(
        long,
        value_name = "DURATION",
        value_parser = parse_duration,
        env = "BATT_FLEET_CONNECT_TIMEOUT",
        hide_env = true
    )]
    pub(crate) connect_timeout: Option<Duration>,
    /// Time for the whole; what runs then is cancelled [default: the time that each host may take and an hour, for every
    /// round of --forks hosts]
    #[arg(
        long,
        value_name = "DURATION",
        value_parser = parse_duration,
        env = "BATT_FLEET_DEADLINE",
        hide_env = true
    )]
    pub(crate) deadline: Option<Duration>,
    /// File of host keys, in place of ~/.ssh/known_hosts and ssh's others; may be repeated
    #[arg(long, value_name = "FILE", env = "BATT_FLEET_KNOWN_HOSTS", hide_env = true)]
    pub(crate) known_hosts: Vec<PathBuf>,
    /// Show failures only
    #[arg(
        short,
        long,
        action = ArgAction::SetTrue,
        value_parser = FalseyValueParser::new(),
        env = "BATT_FLEET_QUIET",
        hide_env = true
    )]
    pub(crate) quiet: bool,
}

/// Where runs are kept.
#[derive(Debug, Args)]
pub(crate) struct StateArguments {
    /// Folder of the journals of runs [default: $XDG_STATE_HOME/batt-fleet]
    #[arg(long, value_name = "DIR", env = "BATT_FLEET_STATE", hide_env = true)]
    pub(crate) state: Option<PathBuf>,
}

/// `run`.
#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// Services to back up [default: those of the inventory, else those that a host has enabled]
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,
    /// Which hosts.
    #[command(flatten)]
    pub(crate) selection: SelectionArguments,
    /// How hosts are reached.
    #[command(flatten)]
    pub(crate) connection: ConnectionArguments,
    /// Time for the run on a host; it is cancelled then
    #[arg(
        long,
        value_name = "DURATION",
        value_parser = parse_duration,
        default_value = "24h",
        env = "BATT_FLEET_COMMAND_TIMEOUT",
        hide_env = true
    )]
    pub(crate) command_timeout: Duration,
    /// Where backups go on the hosts, as in /opt/backup/%Y/%m/%d
    #[arg(long, value_name = "PATTERN", env = "BATT_FLEET_PATH", hide_env = true)]
    pub(crate) path: Option<String>,
    /// What is done about scripts that differ from the fleet folder
    #[arg(
        long,
        value_enum,
        default_value = "auto",
        env = "BATT_FLEET_PUSH",
        hide_env = true
    )]
    pub(crate) push: PushChoice,
    /// Connect and tell what would be done; change nothing
    #[arg(
        short = 'n',
        long,
        action = ArgAction::SetTrue,
        value_parser = FalseyValueParser::new(),
        env = "BATT_FLEET_DRY_RUN",
        hide_env = true
    )]
    pub(crate) dry_run: bool,
    /// Where runs are kept.
    #[command(flatten)]
    pub(crate) state: StateArguments,
    /// Output.
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// `push`.
#[derive(Debug, Args)]
pub(crate) struct PushArguments {
    /// Which hosts.
    #[command(flatten)]
    pub(crate) selection: SelectionArguments,
    /// How hosts are reached.
    #[command(flatten)]
    pub(crate) connection: ConnectionArguments,
    /// Only tell what differs; exit 2 when something does
    #[arg(
        short = 'n',
        long,
        visible_alias = "dry-run",
        action = ArgAction::SetTrue,
        value_parser = FalseyValueParser::new(),
        conflicts_with_all = ["force", "agent"],
        env = "BATT_FLEET_CHECK",
        hide_env = true
    )]
    pub(crate) check: bool,
    /// Show what differs, file by file; of conf files keys, never values
    #[arg(
        long,
        action = ArgAction::SetTrue,
        value_parser = FalseyValueParser::new(),
        env = "BATT_FLEET_DIFF",
        hide_env = true
    )]
    pub(crate) diff: bool,
    /// Also replace what was changed on a host; it is kept in var/replaced there
    #[arg(
        long,
        action = ArgAction::SetTrue,
        value_parser = FalseyValueParser::new(),
        env = "BATT_FLEET_FORCE",
        hide_env = true
    )]
    pub(crate) force: bool,
    /// Also install the agent, the `batt` beside this program
    #[arg(
        long,
        action = ArgAction::SetTrue,
        value_parser = FalseyValueParser::new(),
        env = "BATT_FLEET_AGENT",
        hide_env = true
    )]
    pub(crate) agent: bool,
    /// Also install the agent, from this file
    #[arg(long, value_name = "FILE", env = "BATT_FLEET_AGENT_FILE", hide_env = true)]
    pub(crate) agent_file: Option<PathBuf>,
    /// Where runs are kept, and with them the ids of hosts.
    #[command(flatten)]
    pub(crate) state: StateArguments,
    /// Output.
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// `ping`.
#[derive(Debug, Args)]
pub(crate) struct PingArguments {
    /// Which hosts.
    #[command(flatten)]
    pub(crate) selection: SelectionArguments,
    /// How hosts are reached.
    #[command(flatten)]
    pub(crate) connection: ConnectionArguments,
    /// Print the host's keys as the inventory takes them; compare them on the host before you pin one
    #[arg(
        long,
        action = ArgAction::SetTrue,
        value_parser = FalseyValueParser::new(),
        env = "BATT_FLEET_SHOW_KEYS",
        hide_env = true
    )]
    pub(crate) show_keys: bool,
    /// Where runs are kept, and with them the ids of hosts.
    #[command(flatten)]
    pub(crate) state: StateArguments,
    /// Output.
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// `inventory ...`.
#[derive(Debug, Subcommand)]
pub(crate) enum InventoryCommand {
    /// List hosts
    List(ListArguments),
    /// Show what holds for hosts
    Show(ShowArguments),
    /// List groups with their hosts
    Groups(ListArguments),
    /// Check the inventory and what lies beside it
    Check {
        /// Where hosts come from.
        #[command(flatten)]
        inventory: InventoryArguments,
        /// Output.
        #[command(flatten)]
        output: OutputArguments,
    },
}

/// `inventory list` and `inventory groups`.
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// Only hosts that match
    #[arg(value_name = "PATTERN")]
    pub(crate) pattern: Option<String>,
    /// Which hosts.
    #[command(flatten)]
    pub(crate) selection: SelectionArguments,
    /// Fold names, as in web[1-3,7]
    #[arg(
        long,
        conflicts_with = "count",
        action = ArgAction::SetTrue,
        value_parser = FalseyValueParser::new(),
        env = "BATT_FLEET_FOLD",
        hide_env = true
    )]
    pub(crate) fold: bool,
    /// Only count
    #[arg(
        long,
        action = ArgAction::SetTrue,
        value_parser = FalseyValueParser::new(),
        env = "BATT_FLEET_COUNT",
        hide_env = true
    )]
    pub(crate) count: bool,
    /// Also variables; secrets are masked
    #[arg(
        long,
        conflicts_with_all = ["fold", "count"],
        action = ArgAction::SetTrue,
        value_parser = FalseyValueParser::new(),
        env = "BATT_FLEET_VARS",
        hide_env = true
    )]
    pub(crate) vars: bool,
    /// Output.
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// `inventory show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// Only hosts that match
    #[arg(value_name = "PATTERN")]
    pub(crate) pattern: Option<String>,
    /// Which hosts.
    #[command(flatten)]
    pub(crate) selection: SelectionArguments,
    /// Also variables; secrets are masked
    #[arg(
        long,
        action = ArgAction::SetTrue,
        value_parser = FalseyValueParser::new(),
        env = "BATT_FLEET_VARS",
        hide_env = true
    )]
    pub(crate) vars: bool,
    /// Also where each value comes from, and variables
    #[arg(
        long,
        action = ArgAction::SetTrue,
        value_parser = FalseyValueParser::new(),
        env = "BATT_FLEET_EXPLAIN",
        hide_env = true
    )]
    pub(crate) explain: bool,
    /// Output.
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// `runs`.
#[derive(Debug, Args)]
pub(crate) struct RunsArguments {
    /// Where runs are kept.
    #[command(flatten)]
    pub(crate) state: StateArguments,
    /// Output.
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// `logs`.
#[derive(Debug, Args)]
pub(crate) struct LogsArguments {
    /// The run, or the beginning of its id
    #[arg(required_unless_present = "last")]
    pub(crate) run: Option<String>,
    /// Only of this host
    pub(crate) host: Option<String>,
    /// The newest run
    #[arg(
        long,
        action = ArgAction::SetTrue,
        value_parser = FalseyValueParser::new(),
        env = "BATT_FLEET_LAST",
        hide_env = true
    )]
    pub(crate) last: bool,
    /// Where runs are kept.
    #[command(flatten)]
    pub(crate) state: StateArguments,
    /// Output.
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// `completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArguments {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}
