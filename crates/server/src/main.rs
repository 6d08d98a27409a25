//! `tandem`: the binary. Configuration, wiring and shutdown; everything else lives in the crates it joins.

mod apply;
mod clock;
mod config;
mod demo;
mod explain;
mod init;
mod mailboxes;
mod operate;
mod replay;
mod seams;
mod serve;
mod sign_on;
mod switchboards;
mod telephony;
mod tls;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Answers and messages are built of many small pieces that one thread makes and another drops.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// An open-source contact centre that speaks the APIs you know.
#[derive(Parser)]
#[command(name = "tandem", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the contact centre until SIGTERM (which drains) or SIGINT.
    Serve(Box<config::ServeFlags>),
    /// Make a running contact centre look like a file: create or update by name.
    Apply(ApplyFlags),
    /// Say why a task is where it is, and what would make it route now.
    Explain {
        /// The task.
        task: base::TaskSid,
        #[command(flatten)]
        server: ServerFlags,
    },
    /// Run recorded tasks through a changed workflow, and say what would have gone elsewhere.
    Replay(ReplayFlags),
    /// Write everything that the store holds into a file, as it is at one moment. A server may be running on it.
    Backup {
        /// The file; `-` is standard output.
        file: PathBuf,
        #[command(flatten)]
        store: config::StoreFlags,
    },
    /// Fill an empty store from a backup, of whichever database. Whoever serves the store ends.
    Restore {
        /// The file; `-` is standard input.
        file: PathBuf,
        /// Into a store that is not empty: what it holds is lost.
        #[arg(long)]
        replace: bool,
        #[command(flatten)]
        store: config::StoreFlags,
    },
    /// Bring the store's schema up to date, as `tandem serve` does when it starts.
    Migrate {
        /// Only say what there is to do.
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        store: config::StoreFlags,
    },
    /// Make an account and its token in the data folder.
    Init {
        /// Folder for everything kept.
        #[arg(long, env = "TANDEM_DATA", default_value = "data")]
        data: PathBuf,
    },
}

/// Which file, and to whom.
#[derive(clap::Args)]
struct ApplyFlags {
    /// The file; `docs/guides/apply.md` explains it.
    #[arg(short, long)]
    file: PathBuf,
    #[command(flatten)]
    server: ServerFlags,
}

/// What is played again. Reads the store; a server may be running on it.
#[derive(clap::Args)]
struct ReplayFlags {
    /// The workspace.
    #[arg(long)]
    workspace: base::WorkspaceSid,
    /// The draft: a workflow configuration.
    #[arg(long)]
    workflow: PathBuf,
    /// The workflow that it would replace; not needed where only one fits.
    #[arg(long)]
    replaces: Option<base::WorkflowSid>,
    /// How long back: 24h, 90m, 7d.
    #[arg(long, default_value = "24h", value_parser = replay::span)]
    since: std::time::Duration,
    #[command(flatten)]
    store: config::StoreFlags,
}

/// A running contact centre.
#[derive(clap::Args)]
struct ServerFlags {
    /// Its address.
    #[arg(long, env = "TANDEM_PUBLIC_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// Its account.
    #[arg(long, env = "TANDEM_ACCOUNT_SID", default_value = config::DEV_ACCOUNT)]
    account_sid: String,
    /// Its token.
    #[arg(long, env = "TANDEM_AUTH_TOKEN", default_value = config::DEV_TOKEN, hide_env_values = true)]
    auth_token: String,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve(flags) => run(*flags),
        Command::Apply(flags) => apply_file(flags),
        Command::Explain { task, server } => explain_task(task, server),
        Command::Replay(flags) => replay_tasks(flags),
        Command::Backup { file, store } => {
            operate(store, async move |place| operate::backup(&place, &file).await)
        }
        Command::Restore { file, replace, store } => {
            operate(store, async move |place| operate::restore(&place, &file, replace).await)
        }
        Command::Migrate { dry_run, store } => {
            operate(store, async move |place| operate::migrate(&place, dry_run).await)
        }
        Command::Init { data } => init_account(&data),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            report(e.as_ref());
            ExitCode::FAILURE
        }
    }
}

fn run(flags: config::ServeFlags) -> Result<(), Box<dyn std::error::Error>> {
    let filter = tracing_subscriber::EnvFilter::try_from_env("TANDEM_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,rsipstack=warn"));
    let coloured = std::io::IsTerminal::is_terminal(&std::io::stderr());
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(coloured).with_writer(std::io::stderr).init();
    let config = config::Config::settle(flags)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    Ok(runtime.block_on(serve::serve(config))?)
}

/// Does something to the store that the flags name, and says what.
fn operate(
    flags: config::StoreFlags,
    what: impl AsyncFnOnce(config::Place) -> Result<String, operate::Trouble>,
) -> Result<(), Box<dyn std::error::Error>> {
    let place = flags.settle()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    operate::say(&runtime.block_on(what(place))?);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the command's answer")]
fn apply_file(flags: ApplyFlags) -> Result<(), Box<dyn std::error::Error>> {
    let name = flags.file.display();
    let yaml = std::fs::read_to_string(&flags.file).map_err(|e| format!("could not read {name}: {e}"))?;
    let document = apply::Document::parse(&yaml)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    print!("{}", runtime.block_on(apply::apply(&flags.server.client(), &document))?);
    Ok(())
}

impl ServerFlags {
    fn client(self) -> apply::ApiClient {
        apply::ApiClient::new(&self.url, &self.account_sid, base::Secret::new(self.auth_token))
    }
}

#[expect(clippy::print_stdout, reason = "the command's answer")]
fn explain_task(task: base::TaskSid, server: ServerFlags) -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    print!("{}", runtime.block_on(explain::explain(&server.client(), task))?);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the command's answer")]
fn replay_tasks(flags: ReplayFlags) -> Result<(), Box<dyn std::error::Error>> {
    let name = flags.workflow.display();
    let configuration =
        std::fs::read_to_string(&flags.workflow).map_err(|e| format!("could not read {name}: {e}"))?;
    let until = clock::system().now().wall;
    let back = i64::try_from(flags.since.as_micros()).unwrap_or(i64::MAX);
    let place = flags.store.settle()?;
    let asked = replay::Asked {
        place: &place,
        workspace: flags.workspace,
        workflow: flags.replaces,
        configuration,
        since: base::Timestamp(until.0.saturating_sub(back)),
        until,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    print!("{}", runtime.block_on(replay::run(asked))?);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the command's answer")]
fn init_account(data: &std::path::Path) -> Result<(), Box<dyn std::error::Error>> {
    let (path, written) = init::write(data, &mut clock::entropy()?)
        .map_err(|e| format!("could not write the account into {}: {e}", data.display()))?;
    println!(
        "Account {} written to {} (its token is in there, readable by you only).",
        written.account_sid,
        path.display()
    );
    Ok(())
}

/// An error and its causes, one line.
fn report(error: &dyn std::error::Error) {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        line = format!("{line}: {inner}");
        cause = inner.source();
    }
    eprintln!("tandem: {line}");
}
