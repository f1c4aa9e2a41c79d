use larder::cache_result;

#[cache_result(keep_err)]
fn f(id: u32) -> Option<u32> {
    Some(id)
}

fn main() {}
