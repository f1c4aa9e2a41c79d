use larder::cache_result;

#[cache_result(when = |result, id| result > id)]
fn f(id: u32) -> u32 {
    id
}

fn main() {}
