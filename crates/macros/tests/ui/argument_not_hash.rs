use larder::cache_result;

struct Db;

#[cache_result]
fn f(db: &Db, id: u32) -> u32 {
    let _ = db;
    id
}

fn main() {}
