use larder::cache_result;

#[cache_result(skip(bd))]
fn f(db: &str, id: u32) -> usize {
    db.len() + id as usize
}

fn main() {}
