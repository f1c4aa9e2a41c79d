use larder::cache_result;

#[cache_result]
fn f(id: u32, #[cfg(any())] page: u32) -> u32 {
    id
}

fn main() {}
