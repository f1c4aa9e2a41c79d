use larder::cache_result;

#[cache_result(skip = db)]
fn f(db: &str, id: u32) -> usize {
    db.len() + id as usize
}

fn main() {}
