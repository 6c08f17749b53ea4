//! The program itself: a kill at any moment loses nothing that was answered, and its ready file tells where it is.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::support::{Shop, session};
use serde_json::Value;

fn program(folder: &Path) -> (Child, String) {
    let ready = folder.join("ready.json");
    let _ = std::fs::remove_file(&ready);
    let mut child = Command::new(env!("CARGO_BIN_EXE_sandbox-server"))
        .args(["--listen", "127.0.0.1:0", "--account", "name=shop,key=sk_shop,webhook_secret=whsec_shop"])
        .arg("--state-dir")
        .arg(folder)
        .arg("--ready-file")
        .arg(&ready)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while !ready.exists() {
        assert_eq!(child.try_wait().unwrap(), None, "the program ended before it was ready");
        std::thread::yield_now();
    }
    let ready: Value = serde_json::from_slice(&std::fs::read(&ready).unwrap()).unwrap();
    (child, ready["base_url"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_kill_loses_nothing_that_was_answered() {
    let folder = tempfile::tempdir().unwrap();
    let mut shop = Shop::open(None).await;
    shop.stop().await;
    let (mut child, base_url) = program(folder.path());
    shop.base_url = base_url;
    let first = shop.post("/v1/sessions", "k1", session("att_1", "automatic")).await;
    assert_eq!(shop.page(&first.id(), "action=pay").await.status, 303);
    child.kill().unwrap();
    child.wait().unwrap();

    let (mut child, base_url) = program(folder.path());
    shop.base_url = base_url;
    assert_eq!(shop.charges("att_1").await, 1);
    let again = shop.post("/v1/sessions", "k1", session("att_1", "automatic")).await;
    assert_eq!(again.text, first.text);
    child.kill().unwrap();
    child.wait().unwrap();
}
