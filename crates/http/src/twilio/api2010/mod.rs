//! The 2010 API. The `.json` behind its paths was taken off at the door.

mod accounts;
mod applications;
mod calls;
mod conferences;
mod keys;
mod notifications;
mod numbers;
mod queues;
pub(crate) mod recordings;

use crate::ask::Asked;
use crate::routes::routes;
use base::AccountSid;
use wire::ApiError;

routes! {
    "/Accounts" => get accounts::list;
    "/Accounts/{ac}" => get accounts::fetch, post accounts::update;
    "/Accounts/{ac}/IncomingPhoneNumbers" => get numbers::list, post numbers::create;
    "/Accounts/{ac}/IncomingPhoneNumbers/Local" => get numbers::list, post numbers::create;
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
    "/Accounts/{ac}/Conferences/{cf}/Recordings" => get recordings::list_of_conference;
    "/Accounts/{ac}/Conferences/{cf}/Recordings/{re}" => get recordings::fetch_of_conference, post recordings::update_of_conference, delete recordings::remove_of_conference;
    "/Accounts/{ac}/Keys" => get keys::list, post keys::create;
    "/Accounts/{ac}/Keys/{sk}" => get keys::fetch, post keys::update, delete keys::remove;
    "/Accounts/{ac}/Applications" => get applications::list, post applications::create;
    "/Accounts/{ac}/Applications/{ap}" => get applications::fetch, post applications::update, delete applications::remove;
    "/Accounts/{ac}/Queues" => get queues::list, post queues::create;
    "/Accounts/{ac}/Queues/{qu}" => get queues::fetch, post queues::update, delete queues::remove;
    "/Accounts/{ac}/Queues/{qu}/Members" => get queues::list_members;
    "/Accounts/{ac}/Queues/{qu}/Members/{ca}" => get queues::fetch_member, post queues::dequeue;
}

/// The account in the path must be the one that asks.
fn own(asked: &Asked, ac: AccountSid) -> Result<(), ApiError> {
    if asked.account == ac { Ok(()) } else { Err(ApiError::not_found("")) }
}
