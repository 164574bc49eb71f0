// Every text of the page. A language is one more table; what it lacks is shown in English.

const ENGLISH = {
  "seconds.short": "{seconds} s",
  "page.of": "Page {page} of {pages}",
  "next": "Next",
  "start": "Start",
  "continue": "Continue",
  "loading": "Loading the sounds… {percent} %",
  "loading.failed": "Please check your connection and try again.",
  "retry": "Try again",

  "welcome.trials": "{trials} pages of sounds, about {minutes} minutes.",
  "welcome.training": "Training comes first and does not count (pages: {training}).",
  "welcome.saved":
    "Your answers are saved after each page. If anything interrupts you, open this page again in the same browser.",
  "welcome.listen": "Use headphones in a quiet room, and close other programs that make sounds.",

  "volume.title": "Set the volume",
  "volume.text":
    "Play the sound and set a comfortable level with the slider or on your device. Then leave it as it is until the end.",
  "volume.play": "Play the sound",
  "volume.pause": "Pause",
  "volume.label": "Volume",
  "volume.needed": "Play the sound once before you continue.",

  "screening.title": "Headphone check",
  "screening.huggins":
    "Each sound has three bursts of noise. In one of them a faint tone is hidden, which is only heard with headphones. Which one is it?",
  "screening.antiphase": "Each sound has three tones. Which one is the quietest?",
  "screening.again":
    "That did not work out. Please check that you wear headphones, left and right the right way round, and try once more.",
  "screening.question": "Sound {number} of {total}",
  "screening.play": "Play",
  "screening.choice": "{number}",
  "screening.failed.title": "Thank you for your time",
  "screening.failed":
    "This test needs headphones, and the check did not find any. It ends here. Nothing is wrong with your hearing: loudspeakers and some wireless headphones cannot pass.",

  "trial.title": "Recording {number} of {total}",
  "training.title": "Training {number} of {total}",
  "training.badge": "does not count",
  "trial.reference": "Reference",
  "trial.reference.short": "Ref",
  "trial.stimulus": "Sound {label}",
  "trial.play": "Play",
  "trial.pause": "Pause",
  "trial.loop": "Loop",
  "trial.whole": "Whole recording",
  "trial.keys": "Keys",
  "trial.loop.start": "Beginning of the loop",
  "trial.loop.end": "End of the loop",
  "trial.not_heard": "Listen to {sounds} first.",
  "trial.not_rated": "Not rated yet: {sounds}.",
  "trial.complete": "Everything is rated.",
  "trial.only_heard": "Only the sound you hear can be rated. Play sound {label} first.",
  "slider.unrated": "not rated yet",
  "slider.value": "{value}, {word}",
  "slider.label": "Quality of sound {label}",

  "mushra.question": "How good is each sound, compared with the reference?",
  "mushra.words": ["Bad", "Poor", "Fair", "Good", "Excellent"],
  "mushra.hundred.title": "No sound has 100",
  "mushra.hundred":
    "One of the sounds is the reference itself, so at least one should get 100. Would you like to listen again?",
  "bs1116.question": "One sound is the reference itself. Rate how audible the difference of the other is.",
  "bs1116.words": [
    "Very annoying",
    "Annoying",
    "Slightly annoying",
    "Perceptible, not annoying",
    "Imperceptible",
  ],
  "bs1116.five.title": "No sound has 5.0",
  "bs1116.five":
    "One of the two is the reference itself, so one should get 5.0. Would you like to listen again?",
  "reminder.back": "Listen again",
  "reminder.on": "Continue anyway",

  "ab.question": "Which sound is better?",
  "ab.choice": "{label} is better",
  "ab.none": "No preference",
  "abx.question": "Which sound is X?",
  "abx.choice": "X is {label}",
  "acr.question": "How good is the quality of this recording?",
  "acr.words": ["Bad", "Poor", "Fair", "Good", "Excellent"],
  "acr.sound": "Recording",
  "dcr.question": "How much worse is the second sound than the reference?",
  "dcr.words": [
    "Degradation is very annoying",
    "Degradation is annoying",
    "Degradation is slightly annoying",
    "Degradation is audible but not annoying",
    "Degradation is inaudible",
  ],
  "dcr.sound": "Second",
  "ccr.question": "How good is the second sound, compared with the first?",
  "ccr.words": [
    "Much worse",
    "Worse",
    "Slightly worse",
    "About the same",
    "Slightly better",
    "Better",
    "Much better",
  ],
  "ccr.first": "First",
  "ccr.second": "Second",

  "questionnaire.title": "A few questions",
  "questionnaire.optional": "optional",
  "questionnaire.choose": "Please choose",
  "questionnaire.incomplete": "Please answer: {labels}",

  "finish.saving": "Saving your last answers…",
  "finish.title": "Thank you!",
  "finish.text": "All of your answers are saved. You can close this page.",
  "finish.code": "Your completion code",
  "finish.copy": "Copy",
  "finish.copied": "Copied",

  "saving.saved": "Saved",
  "saving.busy": "Saving…",
  "saving.waiting": "Not saved yet. Your answers are kept here and sent again.",
  "saving.download": "Download answers",
  "problem.title": "Something went wrong",
  "problem.refused":
    "The server did not accept an answer ({reason}). Please download your answers and send them to whoever invited you.",
  "problem.foreign":
    "The server does not know this session any more. Please download your answers and send them to whoever invited you.",
  "problem.begin": "The test could not begin: {reason}",
  "moved.title": "The test goes on in another tab",
  "moved.text": "You have answered this page in another tab or window. Go on there, or here:",
  "moved.here": "Continue here",

  "browser.title": "Please use a newer browser",
  "browser.text":
    "This browser lacks {features}, which the test needs. A current Firefox, Chrome, Edge or Safari will do.",
  "device.title": "Your sound device is set too low",
  "device.text":
    "It plays at {rate} Hz, and this test needs {needed} Hz. That often happens with a wireless headset in a call: end the call, or choose other headphones, and try again.",

  "keys.title": "Keys",
  "keys.close": "Close",
  "keys.list": [
    ["1 to 9, 0, − and =", "hear sound 1 to 12"],
    ["R", "hear the reference"],
    ["← →", "hear the one before or after"],
    ["Space", "play or pause"],
    ["↑ ↓", "rate the sound you hear"],
    ["Page up, Page down", "in larger steps"],
    ["Home, End", "lowest and highest rating"],
    ["I and O", "loop from here, loop to here"],
    ["W", "whole recording"],
    ["L", "loop on or off"],
    ["Enter", "next page"],
    ["?", "this list"],
  ],
  "keys.list.choice": [
    ["1, 2, 3", "hear a sound"],
    ["R", "hear the reference"],
    ["← →", "hear the one before or after"],
    ["Space", "play or pause"],
    ["↑ ↓", "move the choice"],
    ["Enter", "next page"],
    ["?", "this list"],
  ],
};

const LANGUAGES = { en: ENGLISH };
let table = ENGLISH;

/** Use the texts of a language from now on. */
export function setLanguage(code) {
  table = { ...ENGLISH, ...LANGUAGES[code] };
  document.documentElement.lang = code in LANGUAGES ? code : "en";
}

/** The text of that name, with ``{placeholders}`` filled in; a list stays a list. */
export function text(name, values = {}) {
  const found = table[name];
  if (typeof found !== "string") return found;
  return found.replace(/\{(\w+)\}/g, (_, key) => values[key]);
}
