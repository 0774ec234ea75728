use super::testing::*;
use std::time::*;
#[test]
#[ignore]
fn one() {
    let src = std::fs::read_to_string(std::env::var("SNIPPET").unwrap()).unwrap();
    let (_rt, c) = vm(Duration::from_millis(200));
    c.with(|ctx| {
        let t = Instant::now();
        let o = run(&ctx, &src);
        let mut text = format!("{o:?}"); text.truncate(100);
        println!("RESULT {:>7} ms {}", t.elapsed().as_millis(), text.replace('\n', " "));
    });
}
#[test]
#[ignore]
fn many() {
    let cases: Vec<String> = serde_json::from_str(&std::fs::read_to_string(std::env::var("CASES").unwrap()).unwrap()).unwrap();
    let (_rt, c) = patient_vm();
    let out: Vec<String> = cases.iter().map(|s| c.with(|ctx| shown(&ctx, s))).collect();
    std::fs::write(std::env::var("OUT").unwrap(), serde_json::to_string(&out).unwrap()).unwrap();
}
