//! The demo contact centre of `--dev`: applied when the store is empty, and announced.

use crate::apply;
use crate::config::Config;
use crate::serve::ServeError;
use store::Store;
use tracing::info;

/// The demo, as `tandem apply` reads it.
const DEMO: &str = include_str!("../../../demo/contact-centre.yaml");

/// Applies the demo over our own API, unless there is a workspace already.
pub async fn apply_if_empty(store: &Store, config: &Config, own_url: &str) -> Result<(), ServeError> {
    if !store.workspaces(config.account).await?.is_empty() {
        return Ok(());
    }
    let document = apply::Document::parse(DEMO).map_err(|why| ServeError::Demo(why.into()))?;
    let client = apply::ApiClient::new(own_url, &config.account.to_string(), config.token.clone());
    apply::apply(&client, &document).await.map_err(|why| ServeError::Demo(why.into()))?;
    info!("applied the demo contact centre");
    Ok(())
}

/// Says where everything is.
#[expect(clippy::print_stdout, reason = "what the operator is told at start")]
pub fn greet(config: &Config, public_url: &str) {
    println!("\nTandem is up.\n  API        {public_url}   (account {})", config.account);
    println!(
        "  SIP        {} (UDP and TCP), trunk: {}",
        config.sip,
        config.trunk.as_deref().unwrap_or("none")
    );
    if !config.dev {
        return;
    }
    println!("  Desk       {public_url}/desk");
    println!("  Customers  {public_url}/phone   (simulated: they call from the browser)");
    println!("  API token  {}   (development only)", config.token.expose());
    match apply::Document::parse(DEMO) {
        Ok(demo) => print!("{}", announcement(&demo, config)),
        Err(why) => println!("  the demo file is broken: {why}"),
    }
    println!("  Stop with Ctrl-C.\n");
}

/// Numbers and phones of the demo.
fn announcement(demo: &apply::Document, config: &Config) -> String {
    let mut text =
        String::from("  Numbers    dial them from any SIP phone or the trunk at the SIP address\n");
    for number in &demo.numbers {
        text += &format!("    {}  {}\n", number.number, number.name.as_deref().unwrap_or(""));
    }
    text += "  Phones     register with these; *1 parks, *2 swaps or picks up, *3 lists parked calls\n";
    for phone in &demo.sip_accounts {
        text += &format!("    sip:{}@{}  password {}\n", phone.user, config.sip, phone.password);
    }
    text += "  Logins     for the desk\n";
    for user in &demo.users {
        text += &format!("    {}  password {}  ({})\n", user.login, user.password, user.role);
    }
    text
}
