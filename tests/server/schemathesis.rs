//! Requests made up from `/openapi.json` by schemathesis: none makes the server fail, and none is answered with what the document does
//! not tell.

use super::python::Python;
use super::support::{ADMIN, API_KEYS, BOOTSTRAP, Plan, many};
use std::process::Command;

#[test]
fn requests_made_up_from_the_document_are_answered_as_it_says() {
    let Some(python) = Python::find() else { return };
    assert!(python.has("schemathesis"), "scripts/python-requirements.txt lists it");
    let server = Plan::new(&format!("{BOOTSTRAP}{API_KEYS}")).start();
    let seed = many("COUNTERSIGN_SCHEMATHESIS_SEED", 7_u64);
    let examples = many("COUNTERSIGN_SCHEMATHESIS_EXAMPLES", 25_u32);
    println!("seed {seed}");
    let checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";
    let output = Command::new(python.path())
        .args(["-m", "schemathesis.cli", "run", &format!("{}/openapi.json", server.url), "--no-color"])
        .args(["--phases", "examples,coverage,fuzzing", "--checks", checks, "--generation-database", "none"])
        // It knows no JSON lines.
        .args(["--exclude-path", "/admin/accounts/import", "--warnings", "off"])
        // They always say that they are not served, which it takes for a failure.
        .args(["--exclude-operation-id", "fusionauth_create_tenant"])
        .args(["--exclude-operation-id", "fusionauth_create_tenant_with_id"])
        .args(["--seed", &seed.to_string(), "--max-examples", &examples.to_string()])
        .args(["--header", &format!("Authorization: Bearer {ADMIN}")])
        .current_dir(server.data_dir().parent().unwrap())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    let generated = told.lines().find(|line| line.contains("generated")).unwrap_or_else(|| panic!("{told}"));
    println!("{}", generated.trim());
    assert!(server.get("/health/ready").status == 200, "{}", server.diagnostics());
}
