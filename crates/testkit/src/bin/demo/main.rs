//! `tandem-demo`: plays the demo story with scripted phones, prints what was heard, and fails if anything is off.
#![expect(clippy::print_stdout, reason = "a command line program")]
#![expect(clippy::disallowed_methods, reason = "people and phones live in real time")]

mod desk;
mod report;
mod solutions;
mod story;

use clap::Parser;
use std::net::SocketAddr;
use std::process::ExitCode;
use tandem_testkit::{Centre, DEV_ACCOUNT, DEV_TOKEN, Rest, Server, ServerOptions, Trouble, Trunk};

/// Plays the demo story: a queue call, a direct call while live, swaps, parks, an outbound call, nobody answering, an
/// application that assigns, an escalation to a number outside, a wrong extension and a message.
#[derive(Parser)]
struct Flags {
    /// A server that is already running, `http://127.0.0.1:8080`; otherwise a fresh one is started.
    #[arg(long, requires = "sip", requires = "trunk")]
    server: Option<String>,
    /// Where that server listens for SIP.
    #[arg(long)]
    sip: Option<SocketAddr>,
    /// The address that server was given as `--trunk sip:ADDR`: the outside world plays there.
    #[arg(long)]
    trunk: Option<SocketAddr>,
    /// Its account.
    #[arg(long, env = "TANDEM_ACCOUNT_SID", default_value = DEV_ACCOUNT)]
    account_sid: String,
    /// Its token.
    #[arg(long, env = "TANDEM_AUTH_TOKEN", default_value = DEV_TOKEN, hide_env_values = true)]
    auth_token: String,
    /// The median swap, until both hear each other, may take this long.
    #[arg(long, default_value = "1000", value_name = "MS")]
    swap_ms_max: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Flags::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(trouble) => {
            println!("The demo could not be played: {trouble}");
            println!("\n0 checks passed, 1 failed");
            ExitCode::FAILURE
        }
    }
}

async fn run(flags: Flags) -> Result<bool, Trouble> {
    let trunk = match flags.trunk {
        Some(address) => Trunk::open_at(address).await?,
        None => Trunk::open().await?,
    };
    let (own, rest, sip) = match (flags.server, flags.sip) {
        (Some(url), Some(sip)) => (None, Rest::new(&url, &flags.account_sid, &flags.auth_token), sip),
        _ => {
            let server =
                Server::start(ServerOptions { trunk: Some(trunk.uri()), ..Default::default() }).await?;
            let (rest, sip) = (server.rest(), server.sip());
            (Some(server), rest, sip)
        }
    };
    trunk.serves(sip);
    let centre = Centre::demo(rest).await?;
    let well = story::play(&centre, &trunk, sip, flags.swap_ms_max).await?;
    if let Some(server) = own {
        if !well {
            println!("\n--- the server's log ---\n{}", server.log());
        }
        server.stop().await?;
    }
    Ok(well)
}
