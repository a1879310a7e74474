//! What the demo prints: who can log in, and lines that show every answer, to be pasted into a shell one by one or all at
//! once. Comments hold no quotes, question marks or brackets: zsh reads pasted comments as commands unless told otherwise.

use super::{CLIENT, LOGIN, Lifetimes, Secrets};
use std::path::Path;

/// The demo's text. The lines need a POSIX shell and curl.
pub fn script(
    url: &str,
    secrets: &Secrets,
    lifetimes: &Lifetimes,
    program: &Path,
    data_dir: &Path,
    temporary: bool,
) -> String {
    let Secrets { client_secret, password } = secrets;
    let (lives, retry) = (lives(lifetimes), lifetimes.retry);
    let (program, data) = (quote(program), quote(data_dir));
    let kept = if temporary { "removed when the demo stops" } else { "kept for the next demo" };
    format!(
        r##"Countersign demo on {url}

  client    {CLIENT}        secret    {client_secret}
  account   {LOGIN}   password  {password}
  data      {data}
            {kept}
  lives     {lives}

Paste these lines into another shell, one by one or all at once. Ctrl-C here ends the demo.

# 1. Alice logs in at an app. Its backend asks for her, and tells her address and user agent.
#    The answer has an access token and refresh token number 0.
U={url}; C={CLIENT}:{client_secret}
owner() {{ curl -sS -u "$C" -H 'X-Forwarded-For: 203.0.113.9' \
  -H 'X-Forwarded-User-Agent: Store/1.0' "$@"; echo; }}
thief() {{ curl -sS -u "$C" -H 'X-Forwarded-For: 198.51.100.7' \
  -H 'X-Forwarded-User-Agent: curl/8' "$@"; echo; }}
field() {{ sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }}
R=$(owner "$U/oauth2/token" -d grant_type=password -d scope='openid email cart' \
  -d username={LOGIN} -d password={password}); echo "$R"
ACCESS=$(echo "$R" | field access_token); FIRST=$(echo "$R" | field refresh_token)

# 2. What the access token says.
echo "$ACCESS" | cut -d. -f2 | tr '_-' '/+' \
  | awk '{{ while (length($0) % 4) $0 = $0 "="; print }}' | base64 -d; echo

# 3. The app refreshes: token 0 is spent, token 1 takes its place.
R=$(owner "$U/oauth2/token" -d grant_type=refresh_token -d refresh_token="$FIRST"); echo "$R"
ACCESS=$(echo "$R" | field access_token); SECOND=$(echo "$R" | field refresh_token)

# 4. That answer was lost, so the app asks again with token 0: the very same token 1 comes back.
#    This works for {retry} seconds, on the same device, and only until token 1 is used.
R=$(owner "$U/oauth2/token" -d grant_type=refresh_token -d refresh_token="$FIRST")
if [ "$(echo "$R" | field refresh_token)" = "$SECOND" ]
then echo the same token 1; else echo "$R"; fi

# 5. Is the access token active: every door asks this one question.
owner "$U/oauth2/introspect" -d token="$ACCESS"

# 6. A thief shows the spent token 0 from elsewhere: refused, and the session ends.
thief "$U/oauth2/token" -d grant_type=refresh_token -d refresh_token="$FIRST"

# 7. From that answer on the access token and token 1 are dead too.
owner "$U/oauth2/introspect" -d token="$ACCESS"
owner "$U/oauth2/token" -d grant_type=refresh_token -d refresh_token="$SECOND"

# 8. The journal tells the story. It shows what is on disk for sure, so give it two seconds.
sleep 2; {program} audit tail --data-dir {data} \
  --type account --type session
"##
    )
}

/// How long things live, in words.
fn lives(lifetimes: &Lifetimes) -> String {
    let Lifetimes { access, idle, absolute, retry } = *lifetimes;
    let [access, idle, absolute, retry] = [access, idle, absolute, retry].map(|seconds| match seconds {
        60..86_400 if seconds % 60 == 0 => format!("{} min", seconds / 60),
        86_400.. if seconds % 86_400 == 0 => format!("{} days", seconds / 86_400),
        _ => format!("{seconds} s"),
    });
    format!("access token {access}, session {idle} unused and {absolute} at most, retry {retry}")
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
    fn lifetimes_are_said_in_the_unit_that_fits() {
        let usual = Lifetimes { access: 300, idle: 14 * 86_400, absolute: 90 * 86_400, retry: 30 };
        assert_eq!(lives(&usual), "access token 5 min, session 14 days unused and 90 days at most, retry 30 s");
        let short = Lifetimes { access: 3, idle: 20, absolute: 61, retry: 2 };
        assert_eq!(lives(&short), "access token 3 s, session 20 s unused and 61 s at most, retry 2 s");
    }

    #[test]
    fn a_path_is_one_word_of_the_shell() {
        assert_eq!(quote(Path::new("/tmp/a-b_1.c")), "/tmp/a-b_1.c");
        assert_eq!(quote(Path::new("/tmp/a b'c")), r"'/tmp/a b'\''c'");
    }
}
