export { tone, toneSpeech } from '../../emulators/speech/tone.ts';
