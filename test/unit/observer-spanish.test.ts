/** What the observer must catch and what it must not, sentence by sentence. Spanish. */
import { describe, expect, it } from 'vitest';
import { observe } from '../../src/companion/observer.ts';

type Row = readonly [said: string, category: string];

function categories(said: string, severity?: string): string[] {
  return observe(said, 'es')
    .signals.filter((s) => severity === undefined || s.severity === severity)
    .map((s) => s.category);
}

/** Each raises an alert of this category. */
const ALERTS: readonly Row[] = [
  ['Ayer me caí en el baño', 'fall'],
  ['Me he caído por las escaleras', 'fall'],
  ['Sí, me caí otra vez', 'fall'],
  ['Sí me caí', 'fall'],
  ['No sé cómo me caí', 'fall'],
  ['No le he dicho a mi hija que me caí', 'fall'],
  ['Tuve una mala caída', 'fall'],
  ['Me resbalé en la ducha', 'fall'],
  ['Estoy tirada en el suelo y no puedo levantarme', 'fall'],
  ['Me duele el pecho', 'chest-or-breathing'],
  ['Siento el pecho muy pesado', 'chest-or-breathing'],
  ['Tengo una presión en el pecho', 'chest-or-breathing'],
  ['No puedo respirar bien', 'chest-or-breathing'],
  ['Me falta el aire', 'chest-or-breathing'],
  ['Me cuesta mucho respirar', 'chest-or-breathing'],
  ['Se me ha dormido el brazo', 'stroke-signs'],
  ['Tengo la cara torcida de un lado', 'stroke-signs'],
  ['La boca se me ha torcido', 'stroke-signs'],
  ['No siento la pierna', 'stroke-signs'],
  ['Me desmayé esta mañana', 'fainting'],
  ['Estoy sangrando mucho', 'bleeding'],
  ['La herida no para de sangrar', 'bleeding'],
  ['Me tomé demasiadas pastillas', 'overdose'],
  ['¡Socorro!', 'emergency'],
  ['Por favor, llame a una ambulancia', 'emergency'],
  ['Mi marido no respira', 'emergency'],
  ['Ya no quiero vivir', 'end-of-life'],
  ['No quiero seguir viviendo', 'end-of-life'],
  ['Preferiría no despertarme mañana', 'end-of-life'],
  ['Ojalá me muriera', 'end-of-life'],
  ['Ojalá estuviera muerta', 'end-of-life'],
  ['Me quiero morir', 'end-of-life'],
  ['Estoy cansado de vivir', 'end-of-life'],
  ['Todos estarían mejor sin mí', 'end-of-life'],
  ['¿Para qué seguir viviendo?', 'end-of-life'],
  ['Hacienda dice que debo dinero y que pague con tarjetas de regalo', 'scam'],
  ['Le di el número de mi tarjeta', 'scam'],
  ['Me pidieron mis datos bancarios', 'scam'],
  ['Creo que me han estafado', 'scam'],
  ['Huele a gas', 'danger-at-home'],
  ['Alguien ha entrado en mi casa', 'danger-at-home'],
  ['Hay un hombre en mi ventana', 'danger-at-home'],
  ['La cocina está ardiendo', 'danger-at-home'],
  ['Mi hijo me pega', 'abuse'],
  ['Estoy perdida, no sé dónde estoy', 'lost'],
  ['Me han robado el bolso', 'crime'],
];

/** Each shows this, and raises no alert. */
const SIGNALS: readonly Row[] = [
  ['Me perdí conduciendo a la tienda', 'cognition'],
  ['El mando estaba en la nevera', 'cognition'],
  ['No sé qué día es', 'cognition'],
  ['No puedo levantarme de la cama solo', 'daily-living'],
  ['Me cuesta mucho vestirme', 'daily-living'],
  ['No he comido nada hoy', 'nutrition'],
  ['No tengo hambre', 'nutrition'],
  ['Casi me caigo en la ducha', 'unsteady'],
  ['Estoy mareada', 'dizziness'],
  ['Se me olvidó tomar las pastillas', 'medication-trouble'],
  ['Me duele mucho la espalda', 'pain'],
  ['Soy una carga para todos', 'burden'],
  ['Nadie me llama, me siento muy sola', 'loneliness'],
  ['No tengo con quien hablar', 'loneliness'],
  ['Estoy muy triste', 'emotion-negative'],
  ['Estoy muy contenta con mi nieta', 'emotion-positive'],
  ['Mi marido murió en marzo', 'loss'],
  ['Me la tomo ahora mismo', 'reminder-acknowledged'],
  ['Ya me la he tomado', 'reminder-confirmed'],
  ['No me la quiero tomar', 'reminder-refused'],
  ['Más tarde', 'reminder-postponed'],
  ['Todavía no', 'reminder-postponed'],
  ['¿Puede ayudarme con una cosa?', 'help-request'],
  ['¿Qué tiempo hace mañana?', 'look-up'],
  ['Cuando era niña vivíamos en el campo', 'reminiscence'],
  ['Bien.', 'short-reply'],
];

/** Each raises no alert, and does not show this (or anything but talk: '*'). */
const QUIET: readonly Row[] = [
  ['No me caí', '*'],
  ['No me he caído', '*'],
  ['Nunca me he caído', '*'],
  ['Si me caigo, le llamo', '*'],
  ['Me caí de risa', '*'],
  ['Me cayó muy bien', '*'],
  ['La hoja se cayó del árbol', '*'],
  ['Caí en la cuenta de que era martes', '*'],
  ['Cuando era niño me caí de un árbol', '*'],
  ['Soñé que me caía', '*'],
  ['Hoy no tengo mareos', '*'],
  ['No tengo dolor en el pecho', '*'],
  ['No me duele el pecho', '*'],
  ['El médico dice que tengo el pecho limpio', '*'],
  ['Me ahogo en un vaso de agua', '*'],
  ['Él trabaja en el hospital', '*'],
  ['No quiero vivir en una residencia', 'end-of-life'],
  ['No quiero morir', 'end-of-life'],
  ['Me muero de ganas de verte', '*'],
  ['Casi me muero de risa', '*'],
  ['¿Qué sentido tiene ese programa?', '*'],
  ['Nos sentamos junto al fuego', '*'],
  ['La estación de bomberos', '*'],
  ['Ha llegado la factura del gas', '*'],
  ['No huele a gas', '*'],
  ['En la película un hombre entró en la casa', '*'],
  ['Compré tarjetas de regalo para mis nietos', 'scam'],
  ['Ganamos al bingo', '*'],
  ['No se me olvida', '*'],
  ['Perdí las gafas', '*'],
  ['Perdimos el partido', '*'],
  ['Mañana me levanto temprano', '*'],
  ['Me gusta una tarde tranquila', '*'],
  ['No me siento sola', 'loneliness'],
  ['Acabo de terminar el puzle', 'reminder-confirmed'],
  ['Esta mañana regué las plantas', 'reminder-confirmed'],
  ['Más tarde', 'reminder-acknowledged'],
  ['No me la quiero tomar', 'reminder-acknowledged'],
  ['Tomé el autobús', 'reminder-confirmed'],
];

const HARMLESS = /^(?:question|family|reminiscence|short-reply|look-up|emotion-positive|loss)$/;

describe('the observer, Spanish', () => {
  it.each(ALERTS)('raises an alert: "%s" is %s', (said, category) => {
    expect(categories(said, 'high')).toContain(category);
  });

  it.each(SIGNALS)('notes without an alert: "%s" is %s', (said, category) => {
    expect(categories(said)).toContain(category);
    expect(categories(said, 'high')).toEqual([]);
  });

  it.each(QUIET)('stays quiet: "%s" is not %s', (said, category) => {
    expect(categories(said, 'high')).toEqual([]);
    const found = categories(said);
    if (category === '*') expect(found.filter((name) => !HARMLESS.test(name))).toEqual([]);
    else expect(found).not.toContain(category);
  });
});
