//! What connections hear of a server that goes away.

use serde_json::json;
use std::time::Duration;
use testkit::{DEV_ACCOUNT, Frame, Server, ServerOptions, Socket, WITHIN, access_token};

#[tokio::test(flavor = "multi_thread")]
async fn a_draining_server_closes_the_websockets_of_workers_with_1012() {
    let server = Server::start(ServerOptions::default()).await.unwrap();
    let rest = server.rest();
    let key = rest.post(&rest.account_path("/Keys.json"), &[("FriendlyName", "desk")]).await.unwrap();
    let key = key.ok().unwrap();
    let workspaces = rest.list("/taskrouter/v1/Workspaces", "workspaces").await.unwrap();
    let workspace = workspaces[0]["sid"].as_str().unwrap();
    let path = format!("/taskrouter/v1/Workspaces/{workspace}/Workers");
    let workers = rest.list(&path, "workers").await.unwrap();
    let worker = workers[0]["sid"].as_str().unwrap();
    let of_worker = json!({"workspace_sid": workspace, "worker_sid": worker, "role": "worker"});
    let of_workspace = json!({"workspace_sid": workspace, "role": "admin"});
    let mut sockets = Vec::new();
    for grant in [of_worker, of_workspace] {
        let grants = json!({"identity": "ana", "task_router": grant});
        let secret = (key["sid"].as_str().unwrap(), key["secret"].as_str().unwrap());
        let token = access_token(DEV_ACCOUNT, secret, &grants, Duration::from_secs(600));
        let path = format!("/event-bridge/v1/wschannels?token={token}");
        let mut socket = Socket::open(server.http(), &path).await.unwrap();
        assert!(matches!(socket.next(WITHIN).await.unwrap(), Frame::Text(init) if init.contains("\"init\"")));
        sockets.push(socket);
    }
    server.drains().await.unwrap();
    for mut socket in sockets {
        assert_eq!(socket.next(WITHIN).await.unwrap(), Frame::Close(1012));
    }
    server.has_drained().await.unwrap();
}
