use std::env::VarError;
use std::fmt::Write as _;
use std::fs;

use super::*;

fn environment(name: &str) -> Result<String, VarError> {
    match name {
        "A_KEY" => Ok("sk_test_from_the_environment\n".to_owned()),
        "B_KEY" | "SANDBOX_API_KEY" | "SANDBOX_WEBHOOK_SECRET" | "SANDBOX_WEBHOOK_SECRET_OLD" => {
            Ok("another_secret".to_owned())
        }
        "SANDBOX_WEBHOOK_PATH" => Ok("0123456789abcdefghijkl".to_owned()),
        "EMPTY_KEY" => Ok(" \n".to_owned()),
        _ => Err(VarError::NotPresent),
    }
}

fn read_in(folder: &Path, text: &str) -> Result<Config, ConfigError> {
    Config::read("hub.toml".to_owned(), folder.to_owned(), text.to_owned(), &environment)
}

fn read(text: &str) -> Result<Config, ConfigError> {
    read_in(Path::new("/etc/payhub"), text)
}

fn mistakes(text: &str) -> String {
    read(text).map(|config| format!("{config:?}")).expect_err(text).to_string()
}

#[test]
fn dump() {
    for text in include_str!("/tmp/conflab/cases.txt").split("-----\n") {
        println!(">>>>\n{text}<<<<\n{}\n", read(text).map(|_| "OK".to_owned()).unwrap_or_else(|e| e.to_string()));
    }
}
