// Runs only where modules are unknown, so it is written for browsers of before 2018.
document.addEventListener("DOMContentLoaded", function () {
  document.getElementById("view").innerHTML =
    '<section class="card"><h2>Please use a newer browser</h2>' +
    "<p>This browser is too old for this listening test. A current Firefox, Chrome, Edge or " +
    "Safari will do.</p></section>";
});
