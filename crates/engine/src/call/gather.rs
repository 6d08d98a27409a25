//! `<Gather>`: prompts, digits and what ends them (reference: voice §2.4).

use super::parameters::pair;
use super::program::spoken;
use super::state::*;
use super::switchboard::{Switchboard, Timer};
use base::*;
use media::control::{Prompt, Turns};
use serde_json::json;

/// Digits kept of one `<Gather>` without a limit of its own.
const DIGITS_MAX: u32 = 1_000;
/// Prompts of one `<Gather>`, loops counted; enough for any menu.
const PROMPTS_MAX: usize = 1_000;

impl Switchboard {
    pub(super) fn gather(&mut self, sid: CallSid, verb: twiml::Gather) {
        let action = match self.hook(sid, verb.action.as_deref().unwrap_or_default(), verb.method) {
            Ok(action) => action,
            Err(error) => return self.failed(sid, error.code, error.message),
        };
        let hearing = self.hearing(sid, &verb);
        let prompts = match self.gather_prompts(sid, &verb.prompts) {
            Ok(prompts) => prompts,
            Err(error) => return self.failed(sid, error.code, error.message),
        };
        let gather = Gather {
            action,
            timeout: verb.timeout,
            finish_on: verb.finish_on_key,
            digits_max: verb.num_digits,
            action_on_empty: verb.action_on_empty_result,
            // Without anybody to listen, keys are better than nothing.
            keys: verb.dtmf || hearing.is_none(),
            hearing,
            prompt: None,
            digits: String::new(),
        };
        if let Some(call) = self.calls.get_mut(&sid) {
            call.step = Step::Gathering(Box::new(gather));
        }
        if prompts.is_empty() {
            return self.gather_listens(sid);
        }
        if self.may_interrupt(sid) {
            self.begin_listening(sid);
        }
        let play = self.play(sid, prompts, Turns::Times(1));
        if let Some(Step::Gathering(gather)) = self.calls.get_mut(&sid).map(|c| &mut c.step) {
            gather.prompt = play;
        }
    }

    fn gather_prompts(
        &self,
        sid: CallSid,
        verbs: &[twiml::Prompt],
    ) -> Result<Vec<Prompt>, twiml::ResolveError> {
        let mut prompts = Vec::new();
        for verb in verbs {
            let (once, times) = match verb {
                twiml::Prompt::Say(say) => (spoken(say), say.times),
                twiml::Prompt::Play(play) => (vec![self.play_prompt(sid, &play.source)?], play.times),
                twiml::Prompt::Pause(pause) => (vec![Prompt::Silence(pause.length)], 1),
            };
            let room = PROMPTS_MAX.saturating_sub(prompts.len());
            let again = std::iter::repeat_n(once, times.max(1) as usize);
            prompts.extend(again.flatten().take(room));
        }
        Ok(prompts)
    }

    /// The prompts are over: the timeout begins.
    pub(super) fn gather_listens(&mut self, sid: CallSid) {
        if let Some(Step::Gathering(gather)) = self.calls.get(&sid).map(|c| &c.step) {
            if gather.hearing.as_ref().is_some_and(|hearing| hearing.spoken) {
                return;
            }
            let timeout = gather.timeout;
            self.arm(Timer::Step(sid), timeout);
            self.begin_listening(sid);
        }
    }

    /// Speech ends the prompt, so that somebody must listen while it plays.
    fn may_interrupt(&self, sid: CallSid) -> bool {
        match self.calls.get(&sid).map(|c| &c.step) {
            Some(Step::Gathering(gather)) => gather.hearing.as_ref().is_some_and(|hearing| hearing.barge_in),
            _ => false,
        }
    }

    /// A key was pressed while a `<Gather>` runs.
    pub(super) fn gather_digit(&mut self, sid: CallSid, digit: char) {
        let Some(Step::Gathering(gather)) = self.calls.get_mut(&sid).map(|c| &mut c.step) else { return };
        // Whichever comes first wins.
        if !gather.keys || gather.hearing.as_ref().is_some_and(|hearing| hearing.spoken) {
            return;
        }
        let hearing = gather.hearing.take();
        let prompting = gather.prompt.take().is_some();
        let finish = gather.finish_on == Some(digit);
        if !finish {
            gather.digits.push(digit);
        }
        let full = gather.digits.len() as u32 >= gather.digits_max.unwrap_or(DIGITS_MAX);
        self.end_listening(hearing);
        if prompting {
            self.stop_playing(sid);
        }
        if finish {
            self.gather_over(sid, Some(digit));
        } else if full {
            self.gather_over(sid, None);
        } else {
            self.gather_listens(sid);
        }
    }

    /// Input ended: by a key, by their number, or by silence.
    pub(super) fn gather_over(&mut self, sid: CallSid, finished_by: Option<char>) {
        self.disarm(Timer::Step(sid));
        let Some(call) = self.calls.get_mut(&sid) else { return };
        let Step::Gathering(gather) = std::mem::replace(&mut call.step, Step::Ready) else { return };
        let gather = *gather;
        self.end_listening(gather.hearing);
        if gather.prompt.is_some() {
            self.stop_playing(sid);
        }
        if gather.digits.is_empty() && !gather.action_on_empty {
            return self.make_ready(sid);
        }
        let mut parameters = vec![pair("msg", "Gather End")];
        if !gather.digits.is_empty() {
            parameters.push(pair("Digits", &gather.digits));
            parameters.push(pair("FinishedOnKey", finished_by.map(String::from).unwrap_or_default()));
        }
        self.note(sid, "digit", "gathered", json!({"digits": gather.digits.len()}));
        self.fetch_next(sid, gather.action, parameters);
    }
}
