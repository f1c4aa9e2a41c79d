//! Statistics of the caches, and memory.

use super::ratio;
use crate::admin::{builder::State, clock::now_ms, model};
use larder::manager::{CacheMemory, ManagedCache};

pub(crate) fn stats(state: &State) -> model::Stats {
    let caches: Vec<_> = state.manager.caches().iter().map(cache).collect();
    let total = caches.iter().fold(model::Counts::default(), |sum, it| add(&sum, &it.counts));
    let reading = state.manager.read_memory();
    let memory = model::Memory {
        process_bytes: reading.resident,
        system_total_bytes: reading.system.map(|it| it.total),
        system_available_bytes: reading.system.map(|it| it.available),
        container_limit_bytes: reading.container.map(|it| it.limit),
        container_used_bytes: reading.container.and_then(|it| it.used),
        caches_bytes: total.memory_bytes,
    };
    let uptime_seconds = state.started.elapsed().as_secs_f64();
    model::Stats { at_ms: now_ms(), uptime_seconds, total, caches, memory }
}

fn cache(cache: &ManagedCache) -> model::CacheStats {
    let settings = cache.settings();
    model::CacheStats {
        name: cache.name().to_owned(),
        kind: cache.kind().map(|it| it.name().to_owned()),
        capacity: cache.capacity(),
        unit: unit(settings.max_bytes),
        weight: cache.weight(),
        ttl_seconds: settings.time_to_live.map(|it| it.as_secs_f64()),
        counts: counts(cache),
    }
}

pub(crate) fn unit(max_bytes: Option<u64>) -> model::Unit {
    if max_bytes.is_some() { model::Unit::Bytes } else { model::Unit::Entries }
}

fn counts(cache: &ManagedCache) -> model::Counts {
    // Before the statistics: what is shed is an eviction by then.
    let resize = cache.evicted_by_resize();
    let (stats, memory) = (cache.stats(), cache.memory());
    let CacheMemory { structures, values, .. } = memory;
    model::Counts {
        hits: stats.hits,
        misses: stats.misses,
        hit_ratio: ratio(stats.hits, stats.misses),
        entries: stats.entries,
        inserts: stats.inserts,
        updates: stats.updates,
        rejections: stats.rejections,
        evictions: model::Evictions {
            total: stats.evictions,
            capacity: stats.evictions.saturating_sub(resize),
            resize,
        },
        expirations: stats.expirations,
        removals: stats.removals,
        invalidations: stats.invalidations,
        loads: model::Loads {
            succeeded: stats.loads.saturating_sub(stats.load_failures),
            failed: stats.load_failures,
            seconds_total: stats.load_time.as_secs_f64(),
        },
        refreshes: model::Refreshes {
            succeeded: stats.refreshes.saturating_sub(stats.refresh_failures),
            failed: stats.refresh_failures,
        },
        memory_bytes: memory.total(),
        structures_bytes: structures,
        values_bytes: values,
    }
}

fn add(one: &model::Counts, other: &model::Counts) -> model::Counts {
    let (hits, misses) = (one.hits + other.hits, one.misses + other.misses);
    model::Counts {
        hits,
        misses,
        hit_ratio: ratio(hits, misses),
        entries: one.entries + other.entries,
        inserts: one.inserts + other.inserts,
        updates: one.updates + other.updates,
        rejections: one.rejections + other.rejections,
        evictions: model::Evictions {
            total: one.evictions.total + other.evictions.total,
            capacity: one.evictions.capacity + other.evictions.capacity,
            resize: one.evictions.resize + other.evictions.resize,
        },
        expirations: one.expirations + other.expirations,
        removals: one.removals + other.removals,
        invalidations: one.invalidations + other.invalidations,
        loads: model::Loads {
            succeeded: one.loads.succeeded + other.loads.succeeded,
            failed: one.loads.failed + other.loads.failed,
            seconds_total: one.loads.seconds_total + other.loads.seconds_total,
        },
        refreshes: model::Refreshes {
            succeeded: one.refreshes.succeeded + other.refreshes.succeeded,
            failed: one.refreshes.failed + other.refreshes.failed,
        },
        memory_bytes: one.memory_bytes + other.memory_bytes,
        structures_bytes: one.structures_bytes + other.structures_bytes,
        values_bytes: one.values_bytes + other.values_bytes,
    }
}
