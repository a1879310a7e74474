//! What the demo prints: who can log in, and lines that show every answer, to be pasted into a shell one by one or all at once.

use super::demo::{CLIENT, LOGIN, Secrets};
use std::path::Path;

/// The demo's text. The lines need a POSIX shell and curl.
pub fn script(url: &str, secrets: &Secrets, program: &Path, data_dir: &Path, temporary: bool) -> String {
    let Secrets { client_secret, password } = secrets;
    let (program, data) = (quote(program), quote(data_dir));
    let kept = if temporary { "It is removed when the demo stops." } else { "It is kept for the next demo." };
    format!(
        r#"Countersign demo on {url}

  client    {CLIENT}   secret    {client_secret}
  account   {LOGIN}   password  {password}
  data      {data}   {kept}

Paste these lines into another shell (Ctrl-C here ends the demo):

# 1. Log in: an access token and refresh token number 0.
U='{url}'; C='{CLIENT}:{client_secret}'
field() {{ sed -n 's/.*"'"$1"'":"\([^"]*\)".*/\1/p'; }}
R=$(curl -s -u "$C" "$U/oauth2/token" -H 'X-Forwarded-For: 203.0.113.9' -H 'X-Forwarded-User-Agent: Store/1.0' -d grant_type=password -d 'username={LOGIN}' -d 'password={password}' -d 'scope=openid email cart'); echo "$R"
ACCESS=$(echo "$R" | field access_token); FIRST=$(echo "$R" | field refresh_token)

# 2. What the access token says.
echo "$ACCESS" | cut -d. -f2 | tr '_-' '/+' | awk '{{while (length($0) % 4) $0 = $0 "="; print}}' | base64 -d; echo

# 3. Refresh: token 0 is spent, token 1 takes its place.
R=$(curl -s -u "$C" "$U/oauth2/token" -H 'X-Forwarded-For: 203.0.113.9' -H 'X-Forwarded-User-Agent: Store/1.0' -d grant_type=refresh_token -d "refresh_token=$FIRST"); echo "$R"
SECOND=$(echo "$R" | field refresh_token); ACCESS=$(echo "$R" | field access_token)

# 4. The answer was lost? Ask again with token 0: within 30 seconds the very same token 1 comes back.
curl -s -u "$C" "$U/oauth2/token" -H 'X-Forwarded-For: 203.0.113.9' -H 'X-Forwarded-User-Agent: Store/1.0' -d grant_type=refresh_token -d "refresh_token=$FIRST" | grep -o "\"refresh_token\":\"$SECOND\""

# 5. Is the access token active? The one question behind every door.
curl -s -u "$C" "$U/oauth2/introspect" -d "token=$ACCESS"; echo

# 6. A thief replays the spent token 0 from another agent: refused, and the whole session ends.
curl -s -u "$C" "$U/oauth2/token" -H 'X-Forwarded-For: 198.51.100.7' -H 'X-Forwarded-User-Agent: curl' -d grant_type=refresh_token -d "refresh_token=$FIRST"; echo

# 7. So the thief's and the owner's tokens are dead at once.
curl -s -u "$C" "$U/oauth2/introspect" -d "token=$ACCESS"; echo
curl -s -u "$C" "$U/oauth2/token" -H 'X-Forwarded-For: 203.0.113.9' -H 'X-Forwarded-User-Agent: Store/1.0' -d grant_type=refresh_token -d "refresh_token=$SECOND"; echo

# 8. And the journal tells the story.
sleep 2; {program} audit tail --data-dir {data} --type account --type session
"#
    )
}

/// A path as one word of a POSIX shell.
fn quote(path: &Path) -> String {
    let text = path.display().to_string();
    if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte)) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_of_the_shell() {
        assert_eq!(quote(Path::new("/tmp/a-b_1.c")), "/tmp/a-b_1.c");
        assert_eq!(quote(Path::new("/tmp/a b'c")), r"'/tmp/a b'\''c'");
    }
}
