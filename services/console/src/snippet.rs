//! The lines an app developer pastes: the call of `ConnectyCube.init`.

use serde_json::Value;

/// The call for what `sdk-config --json` says.
pub fn init(sdk_config: &Value) -> String {
    let arguments = [&sdk_config["credentials"], &sdk_config["config"]];
    let lines = arguments.map(|argument| script(argument, "  "));
    format!("ConnectyCube.init(\n  {},\n  {}\n);", lines[0], lines[1])
}

// JSON as JavaScript is written by hand: keys bare, two spaces deeper at each level.
fn script(value: &Value, indent: &str) -> String {
    let Value::Object(fields) = value else { return value.to_string() };
    let deeper = format!("{indent}  ");
    let lines: Vec<String> = fields.iter().map(|(key, value)| format!("{deeper}{key}: {}", script(value, &deeper))).collect();
    format!("{{\n{}\n{indent}}}", lines.join(",\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_block_can_be_pasted() {
        let config = json!({"credentials": {"appId": 1}, "config": {"endpoints": {"api": "localhost:8443"}}});
        let expected =
            "ConnectyCube.init(\n  {\n    appId: 1\n  },\n  {\n    endpoints: {\n      api: \"localhost:8443\"\n    }\n  }\n);";
        assert_eq!(init(&config), expected);
    }
}
