//! The memoized functions of the program.

use super::{Json, ratio};
use crate::admin::model;
use larder::manager::FunctionInfo;

/// Those of the process: a function's results are in the caches of the process's manager.
pub(crate) async fn functions() -> Json<Vec<model::Function>> {
    Json(larder::manager::functions().into_iter().map(function).collect())
}

fn function(info: FunctionInfo) -> model::Function {
    let FunctionInfo { name, attribute, cache, options, reads, writes, stats, warnings, .. } = info;
    let owned = |tables: &[&str]| tables.iter().map(|&it| it.to_owned()).collect();
    let kind = match attribute {
        _ if !writes.is_empty() => model::FunctionKind::Write,
        "cache_query" => model::FunctionKind::Query,
        "cache_view" => model::FunctionKind::View,
        "cache_method_result" => model::FunctionKind::Method,
        _ => model::FunctionKind::Result,
    };
    model::Function {
        name,
        kind,
        cache: (!cache.is_empty()).then(|| cache.to_owned()),
        options: options.to_owned(),
        hits: stats.hits,
        misses: stats.misses,
        hit_ratio: ratio(stats.hits, stats.misses),
        loads: model::Loads {
            succeeded: stats.loads.saturating_sub(stats.load_failures),
            failed: stats.load_failures,
            seconds_total: stats.load_time.as_secs_f64(),
        },
        reads: owned(reads),
        writes: owned(writes),
        warnings,
    }
}
