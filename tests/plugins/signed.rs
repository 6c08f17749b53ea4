//! Plugins whose signature the operator demands, while payments need older ones: a key that is taken out of trust
//! counts for nothing any more, also for the hub's own copies.

use payhub::plugin::file::PluginHash;
use payhub::plugin::signature::signature_file;

use super::hot_load::{NEW, OLD, in_force, newer, put, remove, version, went_astray};
use super::shelf::Signer;
use crate::operators::desk::Desk;
use crate::processes::eventually;
use crate::processes::world::{Kind, World};

/// A plugin with its signature, the signature first.
fn put_signed(desk: &Desk, name: &str, bytes: &[u8], signer: &Signer) {
    put(desk, &format!("{name}.minisig"), signer.sign(bytes).as_bytes());
    put(desk, name, bytes);
}

/// Puts this in the config in place of what trust and replaced files were.
fn trust(desk: &Desk, signers: &[&Signer], replaced: &[String]) {
    let config = std::fs::read_to_string(desk.world.config_file()).expect("a config");
    let head = config.split("\n[plugins]").next().expect("what stands above");
    let keys: Vec<_> = signers.iter().map(|signer| signer.public()).collect();
    let plugins = format!("{head}\n[plugins]\ntrusted_keys = {keys:?}\nreplaced = {replaced:?}\n");
    std::fs::write(desk.world.config_file(), plugins).expect("a config");
}

#[test]
fn a_key_that_is_taken_out_of_trust_counts_for_copies_too() {
    let (former, current) = (Signer::new(1), Signer::new(2));
    let world = World::prepare(Kind::Serve);
    let config = std::fs::read_to_string(world.config_file()).expect("a config");
    std::fs::write(world.config_file(), config.replace("adapter = ", "plugin = ")).expect("a config");
    let mut desk = Desk { world };
    trust(&desk, &[&former, &current], &[]);
    put_signed(&desk, "old.wasm", &version(&[]), &former);
    desk.world.start_hub();
    desk.world.api.key = desk.world.first_key();
    assert_eq!(in_force(&desk), OLD);
    let old = desk.paid("old");

    put_signed(&desk, "new.wasm", &newer(), &current);
    desk.ask(&["config", "reload"]).done();
    assert_eq!(in_force(&desk), NEW);
    remove(&desk, "old.wasm");
    remove(&desk, "old.wasm.minisig");
    // As long as its key is trusted, the copy goes on: after a reload and after a start.
    desk.ask(&["config", "reload"]).done();
    desk.until_refund(&desk.refund(&old, 100), "succeeded");
    desk.world.kill_hub();
    desk.world.start_hub();
    desk.until_refund(&desk.refund(&old, 200), "succeeded");

    let hash = PluginHash::of(&version(&[])).to_string();
    let copy = desk.world.data_dir().join("kept-plugins").join(format!("{hash}.wasm"));
    let refused = |said: &str, why: &str| {
        for part in ["connector sandbox: payments need an older version of its plugin", &hash, why] {
            assert!(said.contains(part), "no {part:?} in {said}");
        }
        assert!(said.contains("add its SHA-256 to plugins.replaced"), "{said}");
    };
    // Without its key: refused by a reload, which leaves in force what was, and by a start.
    let stranger = "it is signed by none of the keys in plugins.trusted_keys";
    trust(&desk, &[&current], &[]);
    let said = desk.ask(&["config", "reload"]);
    refused(&said.err, stranger);
    assert!(said.code == 1 && said.err.contains("nothing was changed"), "{said:?}");
    desk.until_refund(&desk.refund(&old, 300), "succeeded");
    desk.world.kill_hub();
    let refused_start = |desk: &Desk, why: &str| {
        let mut program = desk.world.spawn_hub();
        assert!(!program.end().success());
        refused(&program.printed(), why);
    };
    refused_start(&desk, stranger);
    // Nor does a copy count whose signature is gone, or is another file's.
    trust(&desk, &[&former, &current], &[]);
    let signature = signature_file(&copy);
    let good = std::fs::read(&signature).expect("its signature lies beside the copy");
    std::fs::remove_file(&signature).expect("its signature");
    refused_start(&desk, "it is not signed, and plugins.trusted_keys asks for a signature");
    std::fs::write(&signature, former.sign(b"another file")).expect("a signature");
    refused_start(&desk, "it is not what was signed");
    std::fs::write(&signature, good).expect("its signature");
    desk.world.start_hub();
    desk.until_refund(&desk.refund(&old, 400), "succeeded");
    assert!(!went_astray(&desk, &old));

    // The way out: whoever says so has the payments go on with the version in force.
    trust(&desk, &[&current], &[hash]);
    desk.ask(&["config", "reload"]).done();
    desk.refund(&old, 450);
    eventually("the version in force asks", || went_astray(&desk, &old).then_some(()));
    assert!(!copy.exists() && !signature.exists(), "what nothing needs is gone, with its signature");
}
