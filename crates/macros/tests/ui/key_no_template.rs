use larder::cache_result;

#[cache_result(key = 7)]
fn f(user_id: u32) -> u32 {
    user_id
}

fn main() {}
