use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::permission::clock::{Clock, ManualClock};

fn meter(quotas: Quotas) -> (Arc<Meter>, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new());
    (Arc::new(Meter::new(quotas, clock.clone())), clock)
}

#[test]
fn defaults_are_those_of_the_contract() {
    let (meter, _) = meter(Quotas::default());
    let limits: Vec<_> = meter
        .report()
        .iter()
        .map(|it| (it.kind.name(), it.limit))
        .collect();
    assert_eq!(
        limits,
        [
            ("network-bytes", 1_000_000_000),
            ("network-requests", 1_000),
            ("messages", 1_000),
        ]
    );
}

#[test]
fn a_kind_is_its_own_index() {
    for (index, kind) in QuotaKind::ALL.into_iter().enumerate() {
        assert_eq!(kind as usize, index);
    }
}

#[test]
fn the_limit_itself_can_be_used_and_no_more() {
    let (meter, _) = meter(Quotas {
        network_bytes_per_day: 10,
        ..Quotas::default()
    });
    meter.charge(QuotaKind::NetworkBytes, 10).unwrap();
    meter.charge(QuotaKind::NetworkBytes, 0).unwrap();
    let error = meter.charge(QuotaKind::NetworkBytes, 1).unwrap_err();
    let expected = QuotaExceeded {
        kind: QuotaKind::NetworkBytes,
        limit: 10,
        used: 10,
        requested: 1,
        resets_in: Duration::from_secs(24 * 3600),
    };
    assert_eq!(error, expected);
    assert_eq!(
        error.to_string(),
        "the quota `network-bytes` is 10 bytes a day: 10 are used, and 1 more were asked for; it \
         starts again in 86400 s"
    );
}

#[test]
fn a_charge_that_overflows_is_refused_and_counts_nothing() {
    let (meter, _) = meter(Quotas {
        network_bytes_per_day: u64::MAX,
        ..Quotas::default()
    });
    meter.charge(QuotaKind::NetworkBytes, 5).unwrap();
    meter.charge(QuotaKind::NetworkBytes, u64::MAX).unwrap_err();
    assert_eq!(meter.report().used(QuotaKind::NetworkBytes), 5);
}

#[test]
fn kinds_are_counted_apart() {
    let (meter, _) = meter(Quotas::default());
    meter.charge(QuotaKind::Messages, 1_000).unwrap();
    meter.charge(QuotaKind::NetworkRequests, 1_000).unwrap();
    meter.charge(QuotaKind::Messages, 1).unwrap_err();
    assert_eq!(meter.report().used(QuotaKind::NetworkBytes), 0);
}

#[test]
fn what_is_released_can_be_used_again_and_never_goes_below_zero() {
    let (meter, _) = meter(Quotas {
        network_bytes_per_day: 10,
        ..Quotas::default()
    });
    meter.charge(QuotaKind::NetworkBytes, 10).unwrap();
    meter.release(QuotaKind::NetworkBytes, 4);
    meter.charge(QuotaKind::NetworkBytes, 4).unwrap();
    meter.release(QuotaKind::NetworkBytes, 1_000);
    assert_eq!(meter.report().used(QuotaKind::NetworkBytes), 0);
    meter.charge(QuotaKind::NetworkBytes, 11).unwrap_err();
}

#[test]
fn a_window_ends_exactly_at_its_border() {
    let (meter, clock) = meter(Quotas {
        messages_per_minute: 2,
        ..Quotas::default()
    });
    clock.advance(Duration::from_secs(30));
    meter.charge(QuotaKind::Messages, 2).unwrap();
    clock.advance(Duration::from_millis(29_999));
    let error = meter.charge(QuotaKind::Messages, 1).unwrap_err();
    assert_eq!(error.resets_in, Duration::from_millis(1));
    assert!(
        error.to_string().ends_with("it starts again in 1 s"),
        "{error}"
    );
    clock.advance(Duration::from_millis(1));
    meter.charge(QuotaKind::Messages, 2).unwrap();
    meter.charge(QuotaKind::Messages, 1).unwrap_err();
}

#[test]
fn a_day_of_network_is_a_day() {
    let (meter, clock) = meter(Quotas {
        network_bytes_per_day: 7,
        ..Quotas::default()
    });
    meter.charge(QuotaKind::NetworkBytes, 7).unwrap();
    clock.advance(Duration::from_secs(24 * 3600 - 1));
    meter.charge(QuotaKind::NetworkBytes, 1).unwrap_err();
    clock.advance(Duration::from_secs(1));
    meter.charge(QuotaKind::NetworkBytes, 7).unwrap();
}

#[test]
fn a_lower_limit_leaves_what_is_used() {
    let (meter, _) = meter(Quotas::default());
    meter.charge(QuotaKind::NetworkBytes, 100).unwrap();
    meter.set_quotas(Quotas {
        network_bytes_per_day: 50,
        ..Quotas::default()
    });
    assert_eq!(
        meter.charge(QuotaKind::NetworkBytes, 0).unwrap_err().used,
        100
    );
    assert_eq!(meter.report().used(QuotaKind::NetworkBytes), 100);
    meter.release(QuotaKind::NetworkBytes, 80);
    meter.charge(QuotaKind::NetworkBytes, 30).unwrap();
}

#[test]
fn a_clock_that_goes_back_gives_nothing_anew() {
    struct Backward(std::sync::atomic::AtomicU64);
    impl Clock for Backward {
        fn elapsed(&self) -> Duration {
            Duration::from_secs(self.0.fetch_sub(60, std::sync::atomic::Ordering::Relaxed))
        }
        fn now(&self) -> std::time::SystemTime {
            std::time::SystemTime::UNIX_EPOCH
        }
    }
    let quotas = Quotas {
        messages_per_minute: 1,
        ..Quotas::default()
    };
    let meter = Meter::new(quotas, Arc::new(Backward(6_000.into())));
    meter.charge(QuotaKind::Messages, 1).unwrap();
    meter.charge(QuotaKind::Messages, 1).unwrap_err();
    meter.charge(QuotaKind::Messages, 1).unwrap_err();
}

#[test]
fn a_hundred_threads_use_exactly_the_limit() {
    let (meter, clock) = meter(Quotas {
        messages_per_minute: 1_234,
        ..Quotas::default()
    });
    for _window in 0..3 {
        let barrier = Barrier::new(100);
        let charged: u64 = thread::scope(|scope| {
            let threads: Vec<_> = (0..100)
                .map(|_| {
                    scope.spawn(|| {
                        barrier.wait();
                        (0..50)
                            .filter(|_| meter.charge(QuotaKind::Messages, 1).is_ok())
                            .count()
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|it| it.join().unwrap() as u64)
                .sum()
        });
        assert_eq!(charged, 1_234);
        assert_eq!(meter.report().used(QuotaKind::Messages), 1_234);
        clock.advance(Duration::from_secs(60));
    }
}

proptest! {
    /// Against a list of all charges with their times.
    #[test]
    fn charges_agree_with_a_list(
        steps in prop::collection::vec((0_u64..40_000, 0_u64..6, any::<bool>()), 1..60),
    ) {
        let limit = 10;
        let (meter, clock) = meter(Quotas { messages_per_minute: limit, ..Quotas::default() });
        let mut charges: Vec<(u64, u64)> = Vec::new();
        let mut millis = 0;
        for (wait, amount, moves) in steps {
            if moves {
                clock.advance(Duration::from_millis(wait));
                millis += wait;
            }
            let window = millis / 60_000;
            let used: u64 =
                charges.iter().filter(|(at, _)| at / 60_000 == window).map(|(_, n)| n).sum();
            let fits = used + amount <= limit;
            prop_assert_eq!(meter.charge(QuotaKind::Messages, amount).is_ok(), fits);
            if fits {
                charges.push((millis, amount));
            }
        }
    }
}
