//! The 2010 API. The `.json` behind its paths was taken off at the door.

mod accounts;
mod applications;
mod available;
mod billing;
mod caller_ids;
mod calls;
mod conferences;
mod keys;
mod nat;
mod notifications;
mod numbers;
mod queues;
pub(crate) mod recordings;
mod sip;
mod streams;
mod transcriptions;
mod usage;

use crate::ask::Asked;
use crate::routes::routes;
use base::AccountSid;
use wire::ApiError;

routes! {
    "/Accounts" => get accounts::list, post accounts::create;
    "/Accounts/{ac}" => get accounts::fetch, post accounts::update;
    "/Accounts/{ac}/IncomingPhoneNumbers" => get numbers::list, post numbers::create;
    "/Accounts/{ac}/IncomingPhoneNumbers/Local" => get numbers::list_local, post numbers::create;
    "/Accounts/{ac}/IncomingPhoneNumbers/Mobile" => get numbers::list_mobile, post numbers::create;
    "/Accounts/{ac}/IncomingPhoneNumbers/TollFree" => get numbers::list_toll_free, post numbers::create;
    "/Accounts/{ac}/AvailablePhoneNumbers" => get available::list;
    "/Accounts/{ac}/AvailablePhoneNumbers/{cc}" => get available::fetch;
    "/Accounts/{ac}/AvailablePhoneNumbers/{cc}/Local" => get available::local;
    "/Accounts/{ac}/AvailablePhoneNumbers/{cc}/Mobile" => get available::mobile;
    "/Accounts/{ac}/AvailablePhoneNumbers/{cc}/National" => get available::national;
    "/Accounts/{ac}/AvailablePhoneNumbers/{cc}/TollFree" => get available::toll_free;
    "/Accounts/{ac}/AvailablePhoneNumbers/{cc}/Voip" => get available::voip;
    "/Accounts/{ac}/AvailablePhoneNumbers/{cc}/SharedCost" => get available::shared_cost;
    "/Accounts/{ac}/AvailablePhoneNumbers/{cc}/MachineToMachine" => get available::machine_to_machine;
    "/Accounts/{ac}/OutgoingCallerIds" => get caller_ids::list, post caller_ids::create;
    "/Accounts/{ac}/OutgoingCallerIds/{pn}" => get caller_ids::fetch, post caller_ids::update, delete caller_ids::remove;
    "/Accounts/{ac}/Tokens" => post nat::create;
    "/Accounts/{ac}/Transcriptions" => get transcriptions::list;
    "/Accounts/{ac}/Transcriptions/{tr}" => get transcriptions::fetch, delete transcriptions::remove;
    "/Accounts/{ac}/Recordings/{re}/Transcriptions" => get transcriptions::list_of_recording;
    "/Accounts/{ac}/Recordings/{re}/Transcriptions/{tr}" => get transcriptions::fetch_of_recording, delete transcriptions::remove_of_recording;
    "/Accounts/{ac}/Balance" => get billing::balance;
    "/Accounts/{ac}/Usage/Records" => get usage::records;
    "/Accounts/{ac}/Usage/Records/AllTime" => get usage::all_time;
    "/Accounts/{ac}/Usage/Records/Daily" => get usage::daily;
    "/Accounts/{ac}/Usage/Records/Monthly" => get usage::monthly;
    "/Accounts/{ac}/Usage/Records/Yearly" => get usage::yearly;
    "/Accounts/{ac}/Usage/Records/Today" => get usage::today;
    "/Accounts/{ac}/Usage/Records/Yesterday" => get usage::yesterday;
    "/Accounts/{ac}/Usage/Records/ThisMonth" => get usage::this_month;
    "/Accounts/{ac}/Usage/Records/LastMonth" => get usage::last_month;
    "/Accounts/{ac}/IncomingPhoneNumbers/{pn}" => get numbers::fetch, post numbers::update, delete numbers::remove;
    "/Accounts/{ac}/Calls" => get calls::list, post calls::create;
    "/Accounts/{ac}/Calls/{ca}" => get calls::fetch, post calls::update, delete calls::remove;
    "/Accounts/{ac}/Conferences" => get conferences::list;
    "/Accounts/{ac}/Conferences/{cf}" => get conferences::fetch, post conferences::update;
    "/Accounts/{ac}/Conferences/{cf}/Participants" => get conferences::list_participants, post conferences::create_participant;
    "/Accounts/{ac}/Conferences/{cf}/Participants/{ca}" => get conferences::fetch_participant, post conferences::update_participant, delete conferences::remove_participant;
    "/Accounts/{ac}/Calls/{ca}/Events" => get notifications::events;
    "/Accounts/{ac}/Calls/{ca}/Notifications" => get notifications::list_of_call;
    "/Accounts/{ac}/Calls/{ca}/Notifications/{no}" => get notifications::fetch_of_call;
    "/Accounts/{ac}/Notifications" => get notifications::list;
    "/Accounts/{ac}/Notifications/{no}" => get notifications::fetch;
    "/Accounts/{ac}/Recordings" => get recordings::list;
    "/Accounts/{ac}/Recordings/{re}" => get recordings::fetch, delete recordings::remove;
    "/Accounts/{ac}/Calls/{ca}/Recordings" => get recordings::list_of_call, post recordings::start;
    "/Accounts/{ac}/Calls/{ca}/Recordings/{re}" => get recordings::fetch_of_call, post recordings::update_of_call, delete recordings::remove_of_call;
    "/Accounts/{ac}/Calls/{ca}/Streams" => post streams::create;
    "/Accounts/{ac}/Calls/{ca}/Streams/{mz}" => post streams::update;
    "/Accounts/{ac}/Conferences/{cf}/Recordings" => get recordings::list_of_conference;
    "/Accounts/{ac}/Conferences/{cf}/Recordings/{re}" => get recordings::fetch_of_conference, post recordings::update_of_conference, delete recordings::remove_of_conference;
    "/Accounts/{ac}/Keys" => get keys::list, post keys::create;
    "/Accounts/{ac}/Keys/{sk}" => get keys::fetch, post keys::update, delete keys::remove;
    "/Accounts/{ac}/SigningKeys" => get keys::list_signing, post keys::create;
    "/Accounts/{ac}/SigningKeys/{sk}" => get keys::fetch, post keys::update, delete keys::remove;
    "/Accounts/{ac}/Applications" => get applications::list, post applications::create;
    "/Accounts/{ac}/Applications/{ap}" => get applications::fetch, post applications::update, delete applications::remove;
    "/Accounts/{ac}/SIP/Domains" => get sip::list_domains, post sip::create_domain;
    "/Accounts/{ac}/SIP/Domains/{sd}" => get sip::fetch_domain, post sip::update_domain, delete sip::remove_domain;
    "/Accounts/{ac}/SIP/CredentialLists" => get sip::list_credential_lists, post sip::create_credential_list;
    "/Accounts/{ac}/SIP/CredentialLists/{cl}" => get sip::fetch_credential_list, post sip::update_credential_list, delete sip::remove_credential_list;
    "/Accounts/{ac}/SIP/CredentialLists/{cl}/Credentials" => get sip::list_credentials, post sip::create_credential;
    "/Accounts/{ac}/SIP/CredentialLists/{cl}/Credentials/{cr}" => get sip::fetch_credential, post sip::update_credential, delete sip::remove_credential;
    "/Accounts/{ac}/SIP/IpAccessControlLists" => get sip::list_access_lists, post sip::create_access_list;
    "/Accounts/{ac}/SIP/IpAccessControlLists/{al}" => get sip::fetch_access_list, post sip::update_access_list, delete sip::remove_access_list;
    "/Accounts/{ac}/SIP/IpAccessControlLists/{al}/IpAddresses" => get sip::list_addresses, post sip::create_address;
    "/Accounts/{ac}/SIP/IpAccessControlLists/{al}/IpAddresses/{ip}" => get sip::fetch_address, post sip::update_address, delete sip::remove_address;
    "/Accounts/{ac}/SIP/Domains/{sd}/Auth/Calls/CredentialListMappings" => get sip::call_credentials::list, post sip::call_credentials::create;
    "/Accounts/{ac}/SIP/Domains/{sd}/Auth/Calls/CredentialListMappings/{li}" => get sip::call_credentials::fetch, delete sip::call_credentials::remove;
    "/Accounts/{ac}/SIP/Domains/{sd}/Auth/Calls/IpAccessControlListMappings" => get sip::call_addresses::list, post sip::call_addresses::create;
    "/Accounts/{ac}/SIP/Domains/{sd}/Auth/Calls/IpAccessControlListMappings/{li}" => get sip::call_addresses::fetch, delete sip::call_addresses::remove;
    "/Accounts/{ac}/SIP/Domains/{sd}/Auth/Registrations/CredentialListMappings" => get sip::registrations::list, post sip::registrations::create;
    "/Accounts/{ac}/SIP/Domains/{sd}/Auth/Registrations/CredentialListMappings/{li}" => get sip::registrations::fetch, delete sip::registrations::remove;
    "/Accounts/{ac}/SIP/Domains/{sd}/CredentialListMappings" => get sip::old_credentials::list, post sip::old_credentials::create;
    "/Accounts/{ac}/SIP/Domains/{sd}/CredentialListMappings/{li}" => get sip::old_credentials::fetch, delete sip::old_credentials::remove;
    "/Accounts/{ac}/SIP/Domains/{sd}/IpAccessControlListMappings" => get sip::old_addresses::list, post sip::old_addresses::create;
    "/Accounts/{ac}/SIP/Domains/{sd}/IpAccessControlListMappings/{li}" => get sip::old_addresses::fetch, delete sip::old_addresses::remove;
    "/Accounts/{ac}/Queues" => get queues::list, post queues::create;
    "/Accounts/{ac}/Queues/{qu}" => get queues::fetch, post queues::update, delete queues::remove;
    "/Accounts/{ac}/Queues/{qu}/Members" => get queues::list_members;
    "/Accounts/{ac}/Queues/{qu}/Members/{ca}" => get queues::fetch_member, post queues::dequeue;
}

/// The account in the path must be the one that asks, or one that it owns.
fn own(asked: &Asked, ac: AccountSid) -> Result<(), ApiError> {
    if asked.account == ac { Ok(()) } else { Err(ApiError::not_found("")) }
}
