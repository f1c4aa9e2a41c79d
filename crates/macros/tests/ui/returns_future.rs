use larder::{cache_method_result, cache_query, cache_result};
use std::{future::Future, pin::Pin};

trait Users: Sync {
    fn name<'life0, 'async_trait>(
        &'life0 self,
        id: u32,
    ) -> Pin<Box<dyn Future<Output = String> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        Self: 'async_trait;
}

struct Db;

/// As `#[async_trait]` makes it.
impl Users for Db {
    #[cache_method_result(skip(self))]
    fn name<'life0, 'async_trait>(
        &'life0 self,
        id: u32,
    ) -> Pin<Box<dyn Future<Output = String> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move { id.to_string() })
    }
}

#[cache_result]
fn boxed(id: u32) -> Pin<Box<dyn Future<Output = u32>>> {
    Box::pin(async move { id })
}

#[cache_query(writes("rows"))]
fn write(id: u32) -> impl Future<Output = u32> {
    async move { id }
}

fn main() {}
