use larder::{cache_method_result, cache_query};

trait Users {
    fn name(&self, id: u32) -> String;
    fn rows(&self) -> u32;
    fn rename(&mut self, id: u32);
    fn of(id: u32) -> u32;
}

struct Db;

impl Users for Db {
    #[cache_method_result(skip(self))]
    fn name(&self, id: u32) -> String {
        id.to_string()
    }

    #[cache_query(reads("users"), skip(self))]
    fn rows(&self) -> u32 {
        1
    }

    /// Writes.
    #[cache_query(writes("users:{id}"))]
    fn rename(&mut self, id: u32) {
        let _ = id;
    }

    #[cache_method_result(companions = of_cache)] fn of(id: u32) -> u32 { id }
}

impl Db {
    #[cache_method_result(skip(self))]
    fn title(&self) -> u32 {
        1
    }
}

fn main() {
    let _ = (Db.name(1), Db.rows(), Db.rename(1), Db::of(1), Db.title(), Db::title_stats());
}
