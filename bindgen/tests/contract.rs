//! The contract of this repository is one.

use std::path::Path;

use enginebay_bindgen::contract::Contract;

#[test]
fn the_contract_is_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    let contract = match Contract::read(&folder) {
        Ok(contract) => contract,
        Err(error) => panic!("{error}"),
    };
    let functions = contract.interfaces().iter().flat_map(|it| it.functions());
    let (checked, free): (Vec<_>, Vec<_>) = functions.partition(|it| !it.requirements().is_empty());
    assert!(checked.len() > 50 && free.len() > 20);
}
