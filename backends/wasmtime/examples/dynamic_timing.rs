//! Temporary.
use enginebay_core::{Component, Config, Engine, Interruption, Linker, Store, Val};
use enginebay_wasmtime::Wasmtime;
use enginebay_wasmtime::wasmtime;
use enginebay_wasmtime::wasmtime::component as wt;
use std::hint::black_box;
use std::time::Instant;

const GREET: &[u8] = include_bytes!("../../../guests/prebuilt/greet.wasm");

fn median(v: &mut Vec<f64>) -> f64 {
    v.sort_by(f64::total_cmp);
    v[v.len() / 2]
}

fn person() -> (Val, wt::Val) {
    let s = |x: &str| Val::String(x.into());
    let r = |x: &str| wt::Val::String(x.into());
    let tags = ["engineer", "poet", "countess"];
    (
        Val::Record(vec![
            ("name".into(), s("Ada Lovelace")),
            ("age".into(), Val::U8(36)),
            (
                "tags".into(),
                Val::List(tags.iter().map(|t| s(t)).collect()),
            ),
        ]),
        wt::Val::Record(vec![
            ("name".into(), r("Ada Lovelace")),
            ("age".into(), wt::Val::U8(36)),
            (
                "tags".into(),
                wt::Val::List(tags.iter().map(|t| r(t)).collect()),
            ),
        ]),
    )
}

fn main() {
    println!("Val {} wt::Val {}", size_of::<Val>(), size_of::<wt::Val>());
    let mut config = Config::new();
    config.interruption(Interruption::None);
    let engine = Engine::<Wasmtime>::new(&config).unwrap();
    let component = Component::new(&engine, GREET).unwrap();
    let mut store = Store::<_, ()>::builder(&engine).build(()).unwrap();
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &component)
        .unwrap();

    let mut rc = wasmtime::Config::new();
    rc.concurrency_support(false);
    let re = wasmtime::Engine::new(&rc).unwrap();
    let rcomp = wt::Component::new(&re, GREET).unwrap();
    let mut rs = wasmtime::Store::new(&re, ());
    let ri = wt::Linker::new(&re).instantiate(&mut rs, &rcomp).unwrap();
    let riface = ri
        .get_export_index(&mut rs, None, "example:greet/api@0.1.0")
        .unwrap();

    if let Some(mode) = std::env::args().nth(1) {
        let area = std::env::args().nth(3).is_some();
        let f = instance.get_func(&mut store, if area { "example:greet/api@0.1.0#area" } else { "add" }).unwrap();
        let mut rf = ri.get_func(&mut rs, "add").unwrap();
        let t1 = instance
            .get_typed_func::<(u32, u32), (u32,)>(&mut store, "add")
            .unwrap();
        let t2 = rf.typed::<(u32, u32), (u32,)>(&rs).unwrap();
        let mut params = vec![Val::U32(1), Val::U32(2)];
        let mut rparams = vec![wt::Val::U32(1), wt::Val::U32(2)];
        if area {
            let i = ri.get_export_index(&mut rs, Some(&riface), "area").unwrap();
            rf = ri.get_func(&mut rs, i).unwrap();
            let rect = Val::Tuple(vec![Val::F64(2.0), Val::F64(3.0)]);
            let rrect = wt::Val::Tuple(vec![wt::Val::Float64(2.0), wt::Val::Float64(3.0)]);
            params = vec![Val::Variant("rectangle".into(), Some(Box::new(rect)))];
            rparams = vec![wt::Val::Variant("rectangle".into(), Some(Box::new(rrect)))];
        }
        let mut results = Vec::new();
        let mut rresults = [wt::Val::Bool(false)];
        let n: u64 = std::env::args().nth(2).unwrap().parse().unwrap();
        for _ in 0..n {
            match &*mode {
                "ours" => f
                    .call_into(&mut store, black_box(&params), &mut results)
                    .unwrap(),
                "raw" => rf
                    .call(&mut rs, black_box(&rparams), &mut rresults)
                    .unwrap(),
                "tours" => drop(black_box(t1.call(&mut store, black_box((1, 2))).unwrap())),
                _ => drop(black_box(t2.call(&mut rs, black_box((1, 2))).unwrap())),
            }
            black_box((&mut results, &mut rresults));
        }
        return;
    }
    let (p, rp) = person();
    let bytes = Val::List((0..1000).map(|i| Val::U8(i as u8)).collect());
    let rbytes = wt::Val::List((0..1000).map(|i| wt::Val::U8(i as u8)).collect());
    let strs = Val::List(
        (0..50)
            .map(|i| Val::String(format!("string {i}")))
            .collect(),
    );
    let rstrs = wt::Val::List(
        (0..50)
            .map(|i| wt::Val::String(format!("string {i}")))
            .collect(),
    );
    let fl = |n: &[&str]| Val::Flags(n.iter().map(|n| n.to_string()).collect());
    let rfl = |n: &[&str]| wt::Val::Flags(n.iter().map(|n| n.to_string()).collect());
    let rect = Val::Tuple(vec![Val::F64(2.0), Val::F64(3.0)]);
    let rrect = wt::Val::Tuple(vec![wt::Val::Float64(2.0), wt::Val::Float64(3.0)]);
    let cases: Vec<(&str, usize, Vec<Val>, Vec<wt::Val>)> = vec![
        (
            "add",
            100_000,
            vec![Val::U32(1), Val::U32(2)],
            vec![wt::Val::U32(1), wt::Val::U32(2)],
        ),
        (
            "greet",
            30_000,
            vec![Val::String("Ada".into())],
            vec![wt::Val::String("Ada".into())],
        ),
        ("birthday", 10_000, vec![p], vec![rp]),
        (
            "area",
            50_000,
            vec![Val::Variant("rectangle".into(), Some(Box::new(rect)))],
            vec![wt::Val::Variant("rectangle".into(), Some(Box::new(rrect)))],
        ),
        (
            "union",
            50_000,
            vec![fl(&["read"]), fl(&["execute"])],
            vec![rfl(&["read"]), rfl(&["execute"])],
        ),
        ("echo", 2_000, vec![bytes], vec![rbytes]),
        ("reverse", 1_000, vec![strs], vec![rstrs]),
    ];
    {
        let t1 = instance
            .get_typed_func::<(u32, u32), (u32,)>(&mut store, "add")
            .unwrap();
        let rf = ri.get_func(&mut rs, "add").unwrap();
        let t2 = rf.typed::<(u32, u32), (u32,)>(&rs).unwrap();
        let (mut a, mut b, mut c, mut d) = (vec![], vec![], vec![], vec![]);
        for _ in 0..41 {
            let n = 100_000;
            let t = Instant::now();
            for _ in 0..n {
                black_box(t1.call(&mut store, black_box((1, 2))).unwrap());
            }
            a.push(t.elapsed().as_secs_f64() * 1e9 / n as f64);
            let t = Instant::now();
            for _ in 0..n {
                black_box(t2.call(&mut rs, black_box((1, 2))).unwrap());
            }
            b.push(t.elapsed().as_secs_f64() * 1e9 / n as f64);
            let t = Instant::now();
            for _ in 0..n {
                let _ = black_box(rf.typed::<(u32, u32), (u32,)>(&rs));
            }
            c.push(t.elapsed().as_secs_f64() * 1e9 / n as f64);
            let t = Instant::now();
            for _ in 0..n {
                let _ = black_box(rf.ty(&rs));
            }
            d.push(t.elapsed().as_secs_f64() * 1e9 / n as f64);
        }
        println!(
            "typed add ours {:.1} raw {:.1}; typed() {:.1} ty() {:.1}",
            median(&mut a),
            median(&mut b),
            median(&mut c),
            median(&mut d)
        );
    }
    for (name, n, params, rparams) in cases {
        let path = format!("example:greet/api@0.1.0#{name}");
        let ours = instance
            .get_func(&mut store, name)
            .or_else(|_| instance.get_func(&mut store, &path))
            .unwrap();
        let rf = ri.get_func(&mut rs, name).unwrap_or_else(|| {
            let i = ri.get_export_index(&mut rs, Some(&riface), name).unwrap();
            ri.get_func(&mut rs, i).unwrap()
        });
        let mut results = Vec::new();
        let mut rresults = [wt::Val::Bool(false)];
        let (mut a, mut b) = (vec![], vec![]);
        for round in 0..41 {
            let t = Instant::now();
            for _ in 0..n {
                ours.call_into(&mut store, black_box(&params), &mut results)
                    .unwrap();
                black_box(&results);
            }
            let x = t.elapsed().as_secs_f64() * 1e9 / n as f64;
            let t = Instant::now();
            for _ in 0..n {
                rf.call(&mut rs, black_box(&rparams), &mut rresults)
                    .unwrap();
                black_box(&rresults);
            }
            let y = t.elapsed().as_secs_f64() * 1e9 / n as f64;
            if round > 0 {
                a.push(x);
                b.push(y);
            }
        }
        let (min_a, min_b) = (
            a.iter().copied().fold(f64::MAX, f64::min),
            b.iter().copied().fold(f64::MAX, f64::min),
        );
        let (a, b) = (median(&mut a), median(&mut b));
        println!(
            "{name:10} ours {a:9.1} raw {b:9.1} ratio {:.3}  (min {min_a:.1} {min_b:.1} {:.3})",
            a / b,
            min_a / min_b
        );
    }
}
