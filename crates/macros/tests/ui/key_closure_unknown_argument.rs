use larder::cache_result;

#[cache_result(key = |usr_id| *usr_id)]
fn f(user_id: u32) -> u32 {
    user_id
}

fn main() {}
