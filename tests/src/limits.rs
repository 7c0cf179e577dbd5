//! The table of limits in the tests' README, as its checks read it.

/// One limit.
pub struct Row<'a> {
    /// Its dotted path.
    pub setting: &'a str,
    pub default: &'a str,
    /// Names of the tests that go over it.
    pub tests: Vec<&'a str>,
}

/// The rows of the table whose cells are limit, setting, default and tests.
pub fn rows(readme: &str) -> impl Iterator<Item = Row<'_>> {
    let table = readme.lines().skip_while(|line| !line.starts_with("| limit | setting |")).skip(2);
    table.take_while(|line| line.starts_with('|')).filter_map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [_, setting, default, tests] = cells[..] else { return None };
        Some(Row { setting: setting.trim_matches('`'), default, tests: tests.split('`').skip(1).step_by(2).collect() })
    })
}
